"""The documentation site: `make docs`. Pages are plain Markdown; the order of the navigation is declared here.

The source folder is the checkout itself, so that README, DESIGN and the examples' READMEs are pages of the site and
every link between them is checked.
"""

from __future__ import annotations

import fnmatch

from sphinx.application import Sphinx

project = "Gatewatch"
author = "The Gatewatch authors"
copyright = "The Gatewatch authors. Apache License 2.0"

extensions = ["myst_parser"]
include_patterns = ["docs/**.md", "*.md", "examples/*/README.md"]
exclude_patterns = [".*", "build"]
root_doc = "docs/index"
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
html_theme = "furo"
html_title = "Gatewatch"
html_show_sourcelink = False
html_copy_source = False

NAVIGATION = {
    "Get started": ["docs/get-started/demo", "docs/get-started/your-plant", "docs/get-started/unknown-database"],
    "How-to": ["docs/how-to/*", "docs/development"],
    "Reference": ["docs/reference/*"],
    "Explanation": ["docs/explanation/architecture", "docs/explanation/*", "docs/reliability"],
    "Roles": [f"docs/roles/{role}" for role in ("operator", "reliability-engineer", "ml-owner", "plant-it")],
    "Runbooks": ["docs/runbooks/*"],
    "Examples": ["examples/*/README"],
    "Project": ["README", "DESIGN", "CHANGELOG", "CONTRIBUTING", "SECURITY"],
}
"""Caption in the navigation to its pages, in order. A page that no entry names is an error of the strict build."""


def _toctree(caption: str, pages: list[str]) -> str:
    entries = "\n".join(f"/{page}" for page in pages)
    return f"\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {caption}\n\n{entries}\n```\n"


def _navigate(app: Sphinx, page: str, source: list[str]) -> None:
    """Append the navigation to the home page, which a forge shows without it."""
    if page == root_doc:
        for caption, patterns in NAVIGATION.items():
            source[0] += _toctree(caption, [p for p in patterns if fnmatch.filter(app.project.docnames, p)])


def setup(app: Sphinx) -> None:
    """Register what Sphinx calls before it reads a page."""
    app.connect("source-read", _navigate)
