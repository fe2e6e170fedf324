"""What to train on data outside any plant, and what each part of the data is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from inference.standalone.tables import Roles
from inference.training import TrainedModel
from monitor.errors import UsageError
from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Task:
    """What to train: the kind, the columns, the good class ('': found out or none), and the nominal coverage."""

    kind: str
    roles: Roles
    good: str = ""
    coverage: float = 0.9
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trained model, and what to tell of its data."""

    model: TrainedModel
    notes: Sequence[str] = field(default=())


@dataclass(frozen=True, slots=True)
class Target:
    """What each part is: a number, or the index of its class; the classes, and the good one ('': none is)."""

    values: Floats
    classes: tuple[str, ...] = ()
    good: str = ""


def classes_of(names: Sequence[str], of: str, good: str) -> Target:
    """The class of each part as its index. Of two classes without a good one named, the more frequent one is good."""
    counts = Counter(names)
    classes = tuple(sorted(counts))
    if good and good not in classes:
        raise UsageError(f"--good {good!r}: {of} has no such class; it has {', '.join(map(repr, classes[:20]))}")
    if len(classes) > 50:
        raise UsageError(
            f"--target {of!r} has {len(classes)} different values, more than 50 classes; for a number take "
            "--kind ensemble or shape"
        )
    if not good and len(classes) == 2:
        good = max(classes, key=lambda name: (counts[name], name))
    index = {name: float(i) for i, name in enumerate(classes)}
    return Target(np.array([index[name] for name in names]), classes, good)


def notes_on(target: Target, task: Task) -> list[str]:
    """What is told of the classes."""
    if not target.good or task.good:
        return []
    return [f"class {target.good!r} counts as good, because it is the most frequent of two; --good says another"]
