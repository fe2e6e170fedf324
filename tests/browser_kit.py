"""Pages as a real browser has them after it ran them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

EVIL = "</script><script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"
"""Text that changes the title of a page in which it runs."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on PATH")


def opened(file: Path, folder: Path) -> str:
    """The document as the browser has it after it ran the page; its profile is made in the folder."""
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=5000", "--dump-dom", file.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def title(document: str) -> str:
    """The title of a document."""
    found = re.search(r"<title>(.*?)</title>", document, re.DOTALL)
    assert found is not None
    return found.group(1)
