"""Pictures as bytes: files of common formats read with limits, and the lossless form in which pictures are kept.

The format is known by the first bytes, never by a name.
"""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from monitor.errors import UsageError

Picture = NDArray[np.uint8]
"""An image: (height, width) grey or (height, width, 3) red, green, blue."""

MOST_BYTES = 64 * 2**20
MOST_PIXELS = 50_000_000
MOST_SIDE = 1024
"""A picture with a longer side is shrunk by a whole number: the models look at it smaller still."""
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
NAMES = "PNG, JPEG, BMP, TIFF or WebP"
_DAMAGE = (
    OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error
)  # fmt: skip
"""What Pillow raises for damaged files."""
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N")
_EFFORT = 1  # of zlib; more saved 5 to 9 % on pictures of parts and took up to three times as long


def decode(content: bytes, name: str) -> Picture:
    """The pixels of a file's content, upright and shrunk to MOST_SIDE; UsageError, with `name`, where it is unfit.

    16-bit grey is scaled from its full range to 8 bits; an alpha channel is dropped; of pages the first is read.
    """
    check_bytes(len(content), name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged metadata; and the limit below is our own
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                _check_size(name, *image.size)
                return _pixels(name, image)
    except UnidentifiedImageError as exc:
        raise UsageError(f"file {name} is not a picture that can be read; expected {NAMES}") from exc
    except Image.DecompressionBombError as exc:
        raise UsageError(
            f"picture {name} has more than {MOST_PIXELS // 10**6} million pixels; make it smaller"
        ) from exc
    except _DAMAGE as exc:
        raise UsageError(f"picture {name} is damaged or cut off: {_first_line(exc)}; copy it again") from exc


def check_bytes(size: int, name: str) -> None:
    """UsageError where a file is too large to be read."""
    if size > MOST_BYTES:
        raise UsageError(
            f"file {name} has {size / 2**20:.0f} MiB, at most {MOST_BYTES >> 20} are read; make the picture smaller"
        )


def shrink(picture: Picture) -> Picture:
    """The picture with both sides at most MOST_SIDE, by a whole number."""
    return picture if max(picture.shape[:2]) <= MOST_SIDE else _reduced(Image.fromarray(picture))


def luminance(picture: Picture) -> Picture:
    """The grey picture (height, width) of a colour one, by ITU-R 601; a grey one is unchanged."""
    return picture if picture.ndim == 2 else np.asarray(Image.fromarray(picture).convert("L"))


def keep(picture: Picture) -> bytes:
    """The form in which a picture is kept: a PNG, from which its pixels come back unchanged."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", compress_level=_EFFORT)
    return out.getvalue()


def digest_of(pictures: Mapping[str, Picture]) -> str:
    """One digest of the sizes and pixels of a row's pictures, with their names; '' of none."""
    return ",".join(f"{name}:{_digest(pictures[name])}" for name in sorted(pictures))


def _digest(picture: Picture) -> str:
    digest = hashlib.blake2b(f"{picture.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(picture).tobytes())
    return digest.hexdigest()


def restore(png: bytes) -> Picture:
    """The pixels of a kept picture."""
    return decode(png, "from the store")


def _check_size(name: str, width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise UsageError(
            f"picture {name} has {width} x {height} pixels, at most {MOST_PIXELS // 10**6} million are read; "
            "make it smaller"
        )


def _pixels(name: str, image: Image.Image) -> Picture:
    if image.mode in _DEEP or (image.mode == "I" and image.format == "PNG"):
        # before anything else, since Pillow cuts such values off instead of scaling them
        deep = np.asarray(image).astype(np.int64).clip(0, 65535)
        upright = ImageOps.exif_transpose(Image.fromarray((deep / 257).round().astype(np.uint8)))
    elif image.mode in ("I", "F"):
        raise UsageError(f"picture {name} has 32 bits a pixel; expected 8 or 16 bits: save it so")
    else:
        grey = image.mode in ("1", "L", "LA", "La")
        upright = ImageOps.exif_transpose(image).convert("L" if grey else "RGB")
    return _reduced(upright)


def _reduced(image: Image.Image) -> Picture:
    factor = -(-max(image.size) // MOST_SIDE)
    return np.array(image.reduce(factor) if factor > 1 else image)


def _first_line(exc: Exception) -> str:
    return (str(exc) or type(exc).__name__).splitlines()[0]
