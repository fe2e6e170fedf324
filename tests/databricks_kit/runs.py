"""Experiments and runs of a workspace as the stub keeps them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from mlflow.protos import service_pb2 as ml

from databricks_kit.protocol import Handler, invalid, of_service, unknown


class Runs:
    """Experiments by their paths, and runs with their metrics, parameters, tags and dataset inputs."""

    def __init__(self) -> None:
        self.experiments: dict[str, ml.Experiment] = {}
        self.runs: dict[str, ml.Run] = {}

    def routes(self) -> dict[tuple[str, str], Handler]:
        return of_service(
            ml.MlflowService,
            {
                ml.SearchExperiments: lambda _: ml.SearchExperiments.Response(),
                ml.GetExperimentByName: self._by_name,
                ml.CreateExperiment: self._create_experiment,
                ml.CreateRun: self._create,
                ml.GetRun: lambda r: ml.GetRun.Response(run=self._run(r.run_id)),
                ml.UpdateRun: self._update,
                ml.LogBatch: self._log_batch,
                ml.LogInputs: self._log_inputs,
                ml.SetTag: self._set_tag,
            },
        )

    def _run(self, key: str) -> ml.Run:
        if key not in self.runs:
            raise unknown(f"Run {key}")
        return self.runs[key]

    def _by_name(self, request: Any) -> Any:
        if request.experiment_name not in self.experiments:
            raise unknown(f"Node {request.experiment_name}")
        return ml.GetExperimentByName.Response(experiment=self.experiments[request.experiment_name])

    def _create_experiment(self, request: Any) -> Any:
        if not request.name.startswith("/"):
            raise invalid(
                f"Got an invalid experiment name '{request.name}'. An experiment name must be an absolute path."
            )
        key = str(len(self.experiments) + 1)
        self.experiments[request.name] = ml.Experiment(experiment_id=key, name=request.name, lifecycle_stage="active")
        return ml.CreateExperiment.Response(experiment_id=key)

    def _create(self, request: Any) -> Any:
        key = uuid4().hex  # MLflow remembers by it where the files are
        place = f"dbfs:/databricks/mlflow-tracking/{request.experiment_id}/{key}/artifacts"
        info = ml.RunInfo(
            run_id=key, run_uuid=key, run_name=request.run_name, experiment_id=request.experiment_id,
            status=ml.RunStatus.Value("RUNNING"), artifact_uri=place, lifecycle_stage="active", start_time=1,
        )  # fmt: skip
        self.runs[key] = ml.Run(info=info, data=ml.RunData(tags=request.tags))
        return ml.CreateRun.Response(run=self.runs[key])

    def _update(self, request: Any) -> Any:
        self._run(request.run_id).info.status = request.status
        return ml.UpdateRun.Response(run_info=self._run(request.run_id).info)

    def _log_batch(self, request: Any) -> Any:
        data = self._run(request.run_id).data
        for kept, given in ((data.metrics, request.metrics), (data.params, request.params), (data.tags, request.tags)):
            keys = {entry.key for entry in given}
            others = [entry for entry in kept if entry.key not in keys]
            del kept[:]
            kept.extend([*others, *given])
        return ml.LogBatch.Response()

    def _log_inputs(self, request: Any) -> Any:
        self._run(request.run_id).inputs.dataset_inputs.extend(request.datasets)
        return ml.LogInputs.Response()

    def _set_tag(self, request: Any) -> Any:
        batch = ml.LogBatch(run_id=request.run_id, tags=[ml.RunTag(key=request.key, value=request.value)])
        self._log_batch(batch)
        return ml.SetTag.Response()
