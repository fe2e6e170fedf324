"""What a backfill does, whatever applies it: how rows are cut into pieces, and what becomes of each piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from monitor.engine.pieces.conditions import fulfilling
from monitor.engine.pieces.given_models import GivenModel
from monitor.engine.pieces.intake import refuse
from monitor.engine.pieces.machines import judge_machines
from monitor.engine.pieces.packing import Parcel
from monitor.engine.pieces.results import Results
from monitor.engine.pieces.step_units import StepUnit, is_of_steps, step_parcels, step_sources, step_units
from monitor.engine.pieces.steps import judge_steps
from monitor.engine.pieces.timing import Span
from monitor.engine.pieces.units import NOBODY, MachineUnits, machine_parcels, machine_sources, machine_units
from monitor.plant.plant import Plant


class Part(StrEnum):
    """What is judged."""

    MACHINES = "machines"
    STEPS = "steps"


@dataclass(frozen=True, slots=True)
class Backfill:
    """A plant file, a span of time and models in force, under which the rows of every site are judged."""

    plant: Plant
    digest: str
    span: Span
    parts: frozenset[Part]
    models: Sequence[GivenModel]
    machines: MachineUnits
    steps: Mapping[str, StepUnit]

    @classmethod
    def of(
        cls,
        plant: Plant,
        digest: str,
        span: Span,
        parts: frozenset[Part] = frozenset(Part),
        models: Sequence[GivenModel] = (),
    ) -> Backfill:
        """Of a plant file and its digest. Where its sources are is left out: it goes to the workers of an engine."""
        sources = {name: c.model_copy(update={"url": "sqlite:///none"}) for name, c in plant.sources.items()}
        without = plant.model_copy(update={"sources": sources, "write_back": None})
        return cls(without, digest, span, parts, models, machine_units(plant), step_units(plant))

    def sources(self) -> list[str]:
        """The sources that it reads."""
        of_machines = machine_sources(self.plant) if Part.MACHINES in self.parts else []
        return of_machines + (step_sources(self.plant) if Part.STEPS in self.parts else [])

    def parcels(self, source: str, table: pa.Table) -> Iterator[Parcel]:
        """Rows of a source, with `site`, cut by piece, without those that its condition leaves out.

        UsageError if a column of the plant file is missing, or the condition is none.
        """
        where = self.plant.sources[source].where
        table = table if where is None else fulfilling(table, where, source)
        if source in machine_sources(self.plant):
            return machine_parcels(self.plant, source, table, self.machines, self.span)
        return step_parcels(self.plant, source, table, self.steps)

    def judge(self, site: str, unit: str, tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
        """The tables of results of one piece, those with rows only. `tables`: what its parcels hold, by source."""
        return self._judge(unit, tables).tables(site)

    def _judge(self, unit: str, tables: Mapping[str, pa.Table]) -> Results:
        if unit == NOBODY:
            return refuse(self.plant, tables, self.span)
        if is_of_steps(unit):
            return judge_steps(self.plant, self.digest, self.steps[unit], tables, self.span, self.models)
        return judge_machines(self.plant, self.machines, unit, tables, self.span)
