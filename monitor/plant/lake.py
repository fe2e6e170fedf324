"""The section of the plant file on the data lake: Delta tables to which results are appended."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from monitor.plant.messages import Meaning
from monitor.plant.types import PositiveDuration, Strict

_URL = re.compile(r"delta(\+[a-z][a-z0-9]*)?://[^\s@?#]+")


class LakeTable(StrEnum):
    """A table of the lake; also the `table` label of its metrics."""

    DECISIONS = "decisions"
    FINDINGS = "findings"
    PART_PASSPORTS = "part_passports"
    MACHINE_WINDOWS = "machine_windows"


def _lake_url(value: str) -> str:
    if not _URL.fullmatch(value):
        raise ValueError(
            "expected delta:///FOLDER, delta://./FOLDER beside this file, or delta+s3://BUCKET/PATH, without user, "
            "password or query: credentials come from the environment"
        )
    return value


LakeUrl = Annotated[str, AfterValidator(_lake_url), Meaning("the URL of a folder of Delta tables")]


class LakeConfig(Strict):
    """Delta tables of what the gates and detectors made, for everybody's own analyses.

    Credentials of an object store come from the environment, as its own tools read them (`AWS_ACCESS_KEY_ID`, ...).
    """

    url: LakeUrl = Field(
        description="Folder that holds a Delta table of each name in `tables`: `delta:///FOLDER`, `delta://./FOLDER` "
        "beside this file, or `delta+s3://BUCKET/PATH`. Another folder is sent everything from the beginning.",
    )
    every: PositiveDuration = Field(
        timedelta(minutes=1), description="How often new rows are committed, in one commit a table."
    )
    rows: int = Field(50_000, ge=1, le=1_000_000, description="Rows in one commit at most; more go into the next.")
    compact_every: PositiveDuration = Field(
        timedelta(hours=1),
        description="How often the files of days that are over are made into few, and days older than `keep` deleted.",
    )
    keep: PositiveDuration | None = Field(
        None, ge=timedelta(days=1), description="How long rows stay in the lake; an empty value keeps them for ever."
    )
    tables: list[LakeTable] = Field(list(LakeTable), min_length=1, description="Which tables are written.")

    @field_validator("tables")
    @classmethod
    def _each_once(cls, tables: list[LakeTable]) -> list[LakeTable]:
        if len(set(tables)) < len(tables):
            raise ValueError("expected each table once")
        return tables

    @property
    def location(self) -> str:
        """The folder as the library reads it: a path, or a URL of an object store."""
        scheme, _, rest = self.url.partition("://")
        store = scheme.partition("+")[2]
        return f"{store}://{rest}" if store else rest
