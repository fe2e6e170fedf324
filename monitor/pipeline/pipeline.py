"""The protocol of pipelines."""

from __future__ import annotations

from typing import Protocol

from monitor.model import Page
from monitor.store.commit import BatchWrite


class Pipeline(Protocol):
    """Turns a page of a source into everything its commit will write. One without state needs only `process`."""

    def process(self, page: Page, write: BatchWrite) -> None:
        """Fill `write`; `forget` reverts the changes of state in memory."""

    def forget(self) -> None:
        """Drop the state in memory."""
        return
