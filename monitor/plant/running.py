"""Sections of the plant file on how Gatewatch runs: store, registry, server, jobs, detectors, lake."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, field_validator

from inference.tracking.addresses import registry_of
from monitor.plant.messages import Meaning
from monitor.plant.types import (
    DatabaseUrl,
    FalseAlarms,
    PageUrl,
    PositiveDuration,
    RegistryUri,
    Strict,
    Text,
    TrackingUri,
    delta_location,
)


class Retention(Strict):
    """How long the rows of each table are kept; an empty value keeps them forever.

    Rows that are still read again, compared with their source, used by a gate or needed to verify a decision are kept
    longer; `gatewatch check` refuses a value that is shorter.
    """

    readings: PositiveDuration | None = Field(timedelta(days=30), description="Machine readings.")
    windows: PositiveDuration | None = Field(timedelta(days=400), description="Machine windows.")
    findings: PositiveDuration | None = Field(timedelta(days=400), description="Findings of detectors.")
    trends: PositiveDuration | None = Field(
        timedelta(days=400), description="Drift and performance values of every evaluation; findings hold only changes."
    )
    alert_readings: PositiveDuration | None = Field(
        timedelta(days=100), description="What evaluations of the alerts read, for `gatewatch alerts backtest`."
    )
    parts: PositiveDuration | None = Field(None, description="Part steps, with their pictures.")
    decisions: PositiveDuration | None = Field(None, description="Decisions of gates.")
    outcomes: PositiveDuration | None = Field(None, description="Outcomes and dispositions.")
    quarantine: PositiveDuration | None = Field(timedelta(days=90), description="Rows that could not be read.")
    job_runs: PositiveDuration | None = Field(timedelta(days=30), description="Runs of jobs.")
    outbox: PositiveDuration | None = Field(
        timedelta(days=90), description="Messages; only sent ones are deleted, pending and dead ones are kept."
    )


class StoreConfig(Strict):
    """Gatewatch's own database."""

    url: DatabaseUrl = Field("sqlite:///gatewatch.db", description="Database URL; see sources for ${...}.")
    lease: PositiveDuration = Field(
        timedelta(seconds=30),
        description="How long a job's lease lasts without renewal before another process may take it over.",
    )
    batch_rows: int = Field(
        1000,
        ge=1,
        le=100000,
        description="Rows of a source read and committed in one batch; part steps with pictures at most 50.",
    )
    snapshot_rows: int = Field(
        5000, ge=1, description="Rows of one machine between two snapshots of its detector states."
    )
    window: PositiveDuration = Field(timedelta(minutes=5), description="Length of the machine windows.")
    retention: Retention = Field(Retention(), description="How long rows are kept.")


class MlflowConfig(Strict):
    """Where models are tracked and registered, and where versions are cached."""

    tracking_uri: TrackingUri = Field(
        "sqlite:///mlflow.db", description="The MLflow tracking URI: a database, a server, or `databricks`."
    )
    registry_uri: RegistryUri | None = Field(
        None,
        repr=False,
        description="The MLflow registry URI, such as `databricks-uc`; by default the tracking URI, and with "
        "`databricks` its Unity Catalog.",
    )
    artifacts: Text | None = Field("mlartifacts", description="Folder for artifacts, if no server stores them.")
    experiment: Text = Field("gatewatch", description="Name of the MLflow experiment.")
    cache: Text = Field("models", description="Folder of verified model versions; gates need only this to decide.")

    @property
    def registry(self) -> str:
        """The URI at which versions are registered."""
        return registry_of(self.tracking_uri, self.registry_uri)


_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


class ServerConfig(Strict):
    """The HTTP server."""

    host: Text = Field("127.0.0.1", description="Address it listens on.")
    port: int = Field(9464, ge=0, le=65535, description="Port it listens on; 0 selects a free port.")
    public_url: PageUrl | None = Field(
        None, description="Address at which people reach its pages; messages and dashboards lead there."
    )
    grafana_url: PageUrl | None = Field(
        None,
        description="Address of the Grafana with the dashboards; the pages of machines, steps and gates lead there.",
    )
    people_file: Text | None = Field(
        None,
        description="File of the people who may answer alerts on the pages and by the API; `gatewatch people token` "
        "makes its lines.",
    )

    @property
    def address(self) -> str:
        """Where its pages are: the public address, else the one that it listens on; without a slash at the end."""
        host = "127.0.0.1" if self.host in _EVERYWHERE else f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")


class Jobs(Strict):
    """Intervals of the jobs that do not belong to a source, and the processes that run jobs."""

    reconcile: PositiveDuration = Field(
        timedelta(hours=1), description="How often source and store are compared; see `reconcile`."
    )
    prune: PositiveDuration = Field(
        timedelta(days=1), description="How often rows older than their retention are deleted."
    )
    retraining: PositiveDuration = Field(
        timedelta(minutes=10), description="How often firing alerts and waiting requests to retrain are checked."
    )
    savings: PositiveDuration = Field(
        timedelta(days=1), description="How often what the gates saved is summed up; of gates with costs."
    )
    deadline: PositiveDuration = Field(timedelta(minutes=10), description="A run that takes longer counts as overdue.")
    workers: int = Field(
        0,
        ge=0,
        le=16,
        description="How many more processes `gatewatch run` starts, to pull readings and to judge machines on several "
        "cores; 0: one process does everything. Partitions of sources that feed no machine together are spread over "
        "them, so more workers than such groups are of no use.",
    )


class ReconcileConfig(Strict):
    """Comparison of the sources' rows with the store's, by their keys."""

    back: PositiveDuration = Field(
        timedelta(days=2),
        ge=timedelta(hours=1),
        description="How late a row may come and still be found. Every hour is compared once it has settled, and every "
        "day once more as long as it is not older than this.",
    )

    @property
    def reach(self) -> timedelta:
        """How old an hour may be to be compared: a row that is `back` late is met by the next daily comparison."""
        return self.back + timedelta(days=1)


class DetectorConfig(Strict):
    """Parameters of the default detectors; one set for every machine."""

    limit_rows: int = Field(
        3, ge=1, description="Consecutive samples outside a limit that start a breach, and inside it that end one."
    )
    dead_rows: int = Field(10, ge=2, description="Consecutive missing samples after which a sensor is dead.")
    stuck_rows: int = Field(40, ge=3, description="Consecutive equal samples after which a sensor is stuck.")
    warmup_rows: int = Field(
        1000,
        ge=100,
        description="Samples of the running machine, or of a recipe, from which its baseline is learnt first; it is "
        "learnt again from two, four and eight times as many and then stays as it is.",
    )
    warmup: PositiveDuration = Field(
        timedelta(days=14), description="Time after which 100 samples are enough, for machines that are sampled rarely."
    )
    false_alarms: FalseAlarms = Field(
        timedelta(days=30),
        description="False calls of a person that are allowed, such as `1 per machine and month`; sets the limit of "
        "MachineAnomalous from the machine's own sampling interval.",
    )
    time_left: PositiveDuration = Field(
        timedelta(hours=24),
        description="Running time within which a sensor must be about to reach its operating limit for MachineWearing.",
    )
    settle_rows: int = Field(
        10, ge=0, description="Samples of the running machine that the anomaly score skips after a start or changeover."
    )
    seed: int = Field(
        7, ge=0, le=2**32 - 1, description="Without effect: no detector is random any more. Accepted for older files."
    )


_URL = re.compile(r"delta(\+[a-z][a-z0-9]*)?://[^\s@?#]+")


LakeTable = Literal["decisions", "findings", "part_passports", "machine_windows"]
"""A table of the lake; also the `table` label of its metrics."""
LAKE_TABLES: tuple[LakeTable, ...] = get_args(LakeTable)


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
    tables: list[LakeTable] = Field(
        list(LAKE_TABLES),
        min_length=1,
        description="Which tables are written: some of " + ", ".join(f"`{name}`" for name in LAKE_TABLES) + ".",
    )

    @field_validator("tables")
    @classmethod
    def _each_once(cls, tables: list[LakeTable]) -> list[LakeTable]:
        if len(set(tables)) < len(tables):
            raise ValueError("expected each table once")
        return tables

    @property
    def location(self) -> str:
        """The folder as the library reads it: a path, or a URL of an object store."""
        return delta_location(self.url)
