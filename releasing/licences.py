"""The licences of all that an installation brings: `python -m releasing.licences > docs/reference/licences.md`."""

from __future__ import annotations

import re
import sys
from collections import Counter
from importlib.metadata import Distribution

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from releasing.closure import direct, pins, runtime

_BSD = "BSD"
"""Of which variant, only the text says."""
# What packages write that are older than SPDX expressions in metadata, as SPDX has it.
_WORDS = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd license": _BSD,
    "bsd": _BSD,
    "2-clause bsd": "BSD-2-Clause",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
}
# Sentences of licence texts, for packages whose metadata name no licence. The first one that is there decides.
_SENTENCES = {
    "Permission is hereby granted, free of charge, to any person obtaining a copy": "MIT",
    "may be used to endorse or promote products derived from this software": "BSD-3-Clause",
    "Redistributions of source code must retain": "BSD-2-Clause",
    "Apache License Version 2.0": "Apache-2.0",
    "Licensed under the Apache License, Version 2.0": "Apache-2.0",
}
_CLASSIFIER = "License :: "
_FILE = re.compile(r"(LICEN[CS]E|COPYING)[^/]*$", re.IGNORECASE)
NOT_STATED = "not stated"

_HEAD = """# Licences

Every package that installing Gatewatch brings along, at the version of `constraints.txt`, with the licence that the
package states. Gatewatch asks for those in bold, and they for the others. PyTorch's build for GPUs also brings NVIDIA's
libraries, under NVIDIA's terms; the build for CPUs does not.

Gatewatch itself is under the [Apache License 2.0](../../LICENSE). It uses every package as it is published, unchanged.

<!-- Written by `make generate`. -->

"""


def markdown() -> str:
    """The page."""
    licences = {name: licence(package) for name, package in runtime().items()}
    asked, pinned = direct(), pins()
    counts = sorted(Counter(licences.values()).items(), key=lambda item: (-item[1], item[0]))
    summary = "".join(f"| {name} | {count} |\n" for name, count in counts)
    rows = "".join(
        f"| {f'**{name}**' if name in asked else name} | {pinned[name]} | {text} |\n" for name, text in licences.items()
    )
    return (
        f"{_HEAD}## By licence\n\n| licence | packages |\n|---|---|\n{summary}\n"
        f"## By package\n\n| package | version | licence |\n|---|---|---|\n{rows}"
    )


def licence(package: Distribution) -> str:
    """The licence that a package states: its SPDX expression, else its field, classifiers or text, as SPDX has it."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return expression
    field = _spdx((metadata.get("License") or "").strip().partition("\n")[0])
    classifiers = [c for c in metadata.get_all("Classifier") or () if c.startswith(_CLASSIFIER)]
    classified = sorted({name for c in classifiers if (name := _spdx(c.rpartition(" :: ")[2]))})
    if len(classified) > 1 and "OR" not in (field or "").split():
        field = " OR ".join(classified)
    stated = field or next(iter(classified), None)
    if stated is None or _BSD in stated.split():
        stated = (stated or _BSD).replace(_BSD, _from_text(package, _BSD if stated else "") or stated or NOT_STATED)
    return stated


def _spdx(text: str) -> str | None:
    """A licence as SPDX has it; None where the text is no name of one."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return None


def _from_text(package: Distribution, family: str) -> str | None:
    """The licence of that family whose text the package carries."""
    texts = [str(package.metadata.get("License") or "")]
    texts += [file.read_text(encoding="utf-8") for file in package.files or () if _FILE.search(str(file))]
    sentences = {sentence: name for sentence, name in _SENTENCES.items() if name.startswith(family)}
    for words in (" ".join(text.split()) for text in texts):
        for sentence, name in sentences.items():
            if sentence in words:
                return name
    return None


if __name__ == "__main__":
    sys.stdout.write(markdown())
