"""A number that a text always has, as good as drawn at random: for choices that nobody makes and anybody can repeat."""

from __future__ import annotations

from hashlib import sha256


def fraction_of(text: str) -> float:
    """A number in [0, 1): the first 8 bytes, big-endian, of the SHA-256 of the text in UTF-8, over 2 ** 64.

    A lone surrogate, which no store takes, is hashed with the text.

    >>> round(fraction_of("B000123"), 6)
    0.184947
    """
    return int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64
