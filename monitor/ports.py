"""The protocols between the rooms. Detectors and models are pure functions of their arguments."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from monitor.model import Finding, Floats, MachineBatch, Page, Prediction, RowKey, Window

State = Mapping[str, Any]
"""A detector's memory: JSON values only (numbers, strings, lists, maps, None), with its version under 'version'."""


class KeptRows(Protocol):
    """Rows of a source that were refused and kept, under today's plant file. Pure: the source is not contacted.

    A row is its cells by column, as they were read; it has every one of `columns`.
    """

    @property
    def columns(self) -> Sequence[str]:
        """The columns that the plant file reads."""

    def page(self, rows: Sequence[Mapping[str, object]], now: datetime) -> Page:
        """The rows as a page, in order of place; `index` of a reject is the position in `rows`."""

    def members(self, rows: Sequence[Mapping[str, object]]) -> Sequence[str]:
        """The machine of each row, or the step for part steps, by our names; by the source's own where unknown."""

    def answered(self, page: Page, rows: Sequence[Mapping[str, object]]) -> Sequence[int]:
        """The positions of the rows that the page replaces: it has an accepted row of the same key, no older."""


class PulledSource(Protocol):
    """One stream of rows of a plant as its pull job reads it: see `Source`."""

    @property
    def kept(self) -> KeptRows:
        """How rows that were refused are typed again."""

    def read(
        self,
        after: datetime | None,
        until: datetime,
        limit: int,
        members: Sequence[str] | None = None,
        now: datetime | None = None,
    ) -> Page:
        """About `limit` rows with places in (after, until], oldest first; more where one place holds more.

        `members` are machines (steps, for part steps) by our names; None: all. The page's position is the latest place
        among its rows, or `after` where it has none. Event times beyond the plant's clock skew after `now` (default
        `until`) are rejected.
        """


class Source(PulledSource, Protocol):
    """One stream of rows of a plant (part steps, readings, outcomes ...), read incrementally and never written.

    A row becomes known at its *place*: its `available_at`, or `at` plus the declared delay. Every page is ordered by
    place; rows of one place are never split over pages; every `read` whose span contains a row's place returns it, so
    that reading a span again sees late rows and corrections too. A row that cannot be read as the plant file says
    becomes a reject of the page; the other rows are unaffected.

    Every method raises SourceError, with its reason, if the source cannot be read, and UsageError if the plant file
    describes too little of it. The connection is made by the first call.
    """

    @property
    def key(self) -> tuple[str, ...]:
        """The names of what makes a row unique, in the order of its keys: serial, step, visit, machine, sensor, at."""

    def verify(self) -> Sequence[str]:
        """Connect and compare the source with the plant file; sentences on what works, but not as one may expect."""

    def read_hour(self, start: datetime, end: datetime, until: datetime) -> Page:
        """Every row that happened in [start, end) and was known by `until`, in order of place."""

    def hour_keys(self, start: datetime, end: datetime, until: datetime) -> Mapping[RowKey, str]:
        """The keys of the rows that `read_hour` returns, in the order of `key`, each with its text in the quarantine.

        Rows whose time cannot be read are left out; those whose key cannot be may be among them.
        """

    def strays(self, until: datetime, limit: int) -> Page:
        """At most `limit` rows that no `read` returns, as rejects: without a place, after `until`, of no member."""

    def newest(self, limit: int, serials: Collection[str] | None = None) -> Sequence[Mapping[str, object]]:
        """At most `limit` rows as they are, newest first, with the cells of `kept.columns`; they need not be readable.

        Where no time can be read, in whatever order. `serials`: only rows of these parts, where rows have a serial.
        """

    def close(self) -> None:
        """Close the connections."""


class StreamDetector(Protocol):
    """Judges the samples of one machine, one after the other, given a state.

    Any split of the same rows into batches gives the same findings and the same final state. The batch is not
    changed. The state may be: the caller uses only the one returned (copying a forest of trees at every batch would
    cost more than scoring it), and after a failed commit starts again from the saved state.
    An empty batch changes nothing and gives no finding. `observe` returns the changes of status, one
    finding each; `current` the latest finding for each thing the detector judges.
    """

    @property
    def name(self) -> str:
        """The name, used as a label value."""

    def start(self) -> Any:
        """The state before the first row."""

    def observe(self, state: Any, batch: MachineBatch) -> tuple[Any, Sequence[Finding]]:
        """Judge the rows in order; the new state and every change of status."""

    def current(self, state: Any) -> Sequence[Finding]:
        """The latest finding for each subject and feature."""

    def save(self, state: Any) -> State:
        """The state as JSON values."""

    def restore(self, saved: State) -> Any:
        """The state that was saved; ValueError if it has another version or is incomplete."""


@runtime_checkable
class Learner(StreamDetector, Protocol):
    """A stream detector that compares a machine with what it has learnt of it, recipe by recipe."""

    def recipes(self, state: Any) -> Sequence[str]:
        """The recipes of which it has learnt something."""

    def forget(self, state: Any, recipe: str | None) -> tuple[Any, Sequence[Finding]]:
        """Drop what was learnt of a recipe (None: of the machine); the new state and every change of status.

        These findings belong to no row. What is not learnt cannot be forgotten: then nothing changes.
        """

    def lacks_baseline(self, state: Any) -> bool:
        """Whether it has nothing to compare the machine with."""

    def lend(self, state: Any, recipe: str, before: int) -> tuple[int, State] | None:
        """What it has learnt for good of a recipe, else of the machine, before an instant, and since when (ns)."""

    def borrow(self, state: Any, lent: State) -> Any:
        """Compare with what a detector of the same kind lent, until it has learnt; ValueError if that is damaged."""


class WindowDetector(Protocol):
    """Judges a current window against a reference window of the same subject. Stateless; neither is changed.

    The same names always give the same set of findings, one for each thing that is judged: what cannot be judged (too
    few rows, all missing) is a finding of its own (NO_DATA, CANNOT_JUDGE), never left out.
    Columns that one window lacks are NO_DATA. Values and limits are finite or None; the method is always named.
    """

    @property
    def name(self) -> str:
        """The name, used as a label value."""

    def judge(self, reference: Window, current: Window) -> Sequence[Finding]:
        """A finding for each feature and, under the feature '', for the subject as a whole."""


PICTURE_INPUTS = ("image",)
"""The inputs of a model that judges pictures: its `predict` takes a sequence of `monitor.pictures.Picture`."""


class GateModel(Protocol):
    """A verified model of a gate. `predict` takes (rows, inputs) in the order of `inputs`.

    A row has a NaN only where its input is not `needed`, or where at most `max_missing` of the needed ones are missing.
    """

    @property
    def inputs(self) -> tuple[str, ...]:
        """Feature names, in the order of the columns."""

    @property
    def needed(self) -> tuple[str, ...]:
        """The inputs it depends on; the others may be missing."""

    @property
    def max_missing(self) -> float:
        """Share of the needed inputs that may be missing; 0: none."""

    @property
    def digest(self) -> str:
        """SHA-256 of its manifest, which names the digests of everything else."""

    @property
    def skill(self) -> float:
        """1 - error / error of the naive baseline, on the calibration rows; at or below 0: no skill."""

    @property
    def coverage(self) -> float:
        """Nominal coverage: the share of exchangeable parts whose value its intervals contain."""

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        """One prediction per row, independent of how rows are split into calls."""


@runtime_checkable
class ClassModel(GateModel, Protocol):
    """A gate's model of a characteristic with classes: a prediction has a probability of each, in their order."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their numbers in outcomes."""


class NotificationChannel(Protocol):
    """Sends notifications: to a service, by URL, or to the log.

    A URL is a secret: no error contains any part of it.
    """

    @property
    def SCHEMES(self) -> Collection[str]:  # noqa: N802 - a constant of a module
        """The schemes of the URLs that only this channel sends to; empty if it is not chosen by scheme."""

    def accepts(self, address: str) -> bool:
        """Whether messages can be sent to this address, judged without contacting it."""

    def send(self, address: str, message: Mapping[str, Any]) -> None:
        """Send one message; DeliveryError if it was not accepted.

        A message to a URL has `id`, `title`, `body`, `team` and `mood`: critical, warning, over or info. An id is
        repeated if an earlier attempt was accepted and the process was killed before recording it.
        """
