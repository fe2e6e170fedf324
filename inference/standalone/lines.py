"""What is printed of a prediction."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inference.policy.gate import predicted_classes
from monitor.model import Prediction
from monitor.ports import GateModel

Line = Mapping[str, object]


def line_of(model: GateModel, prediction: Prediction | None) -> dict[str, object]:
    """What is printed of a prediction; of none, why."""
    if prediction is None:
        return {"value": None, "error": "too many inputs are missing"}
    score = prediction.distance / prediction.distance_limit
    classes = predicted_classes(model)
    if not classes:
        return {
            "value": prediction.value, "lower": prediction.lower, "upper": prediction.upper, "anomaly_score": score,
        }  # fmt: skip
    likeliest = classes[int(np.argmax(prediction.probabilities))]
    return {
        "class": likeliest,
        "probabilities": dict(zip(classes, prediction.probabilities, strict=True)),
        "value": prediction.value,
        "anomaly_score": score,
    }
