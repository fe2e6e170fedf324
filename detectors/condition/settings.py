"""The parameters of a machine's condition: one set for every machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Parameters, chosen on SKAB's valve1, TEP's fault-free training run and simulated plants with seeds from 1000.

    `level_weight`, `residual_weight`: weights of the newest row in the smoothing of the charts.
    `row_chance`: probability that a healthy row is flagged by the levels; `block_chance`: that the highest of `block`
    rows is, by the residuals. `false_alarm_rows`: rows of one machine in which one false call of a person is allowed;
    by itself a month of a row every 30 seconds.
    `least_freedom`: the least degrees of freedom of a Student quantile. `least_forward`: the least forward error, as a
    share of the sensor's own standard deviation.
    `lags`, `ridge`, `shrinkage`: order of the autoregression, its ridge penalty a row, and the shrinkage of its
    residual correlations towards none; `forward_share`: the share of the residual covariance that comes from rows the
    regression has not seen.
    `root`, `stray`: a sensor wanders if its autocorrelation from row to row exceeds the first or its forward error the
    second: it then enters the regression by its steps.
    `folds`: contiguous folds of the residuals' cross-validation; `tempered`: the share of degrees of freedom that is
    trusted where rows resemble each other; `leverage_share`: the same for the leverage of balances.
    `clip`, `lag_clip`, `residual_clip`, `row_clip`: bounds of standardised values, of what enters the regression, of
    whitened residuals, and of a row's mean square, so that one spike is no shift.
    `scatter_blocks`, `scatter_drift`, `scatter_limit`: blocks before the test of scatter, the standard deviations of a
    block mean that it overlooks, and its threshold in the same unit.
    `bridged`: rows of a gap in which a sensor keeps its last value. `wild`: standard deviations from the median of
    three that make a sample wild.
    `bias_rows`, `bias_share`: after so many rows the residuals' bias moves by this share towards that of normal rows.
    """

    level_weight: float = 0.1
    residual_weight: float = 0.1
    row_chance: float = 1e-4
    block_chance: float = 0.01
    false_alarm_rows: float = 86_400.0
    least_freedom: float = 4.0
    least_forward: float = 0.15
    lags: int = 2
    ridge: float = 0.1
    shrinkage: float = 0.02
    forward_share: float = 0.5
    root: float = 0.95
    stray: float = 0.8
    folds: int = 5
    block: int = 25
    tempered: float = 0.5
    leverage_share: float = 0.3
    clip: float = 50.0
    lag_clip: float = 10.0
    residual_clip: float = 50.0
    row_clip: float = 20.0
    scatter_blocks: int = 20
    scatter_drift: float = 0.5
    scatter_limit: float = 12.0
    bridged: int = 10
    wild: float = 10.0
    bias_rows: int = 50
    bias_share: float = 0.1

    @property
    def page_chance(self) -> float:
        """The probability that a healthy row calls a person, by levels or by balances.

        A thirtieth of one a row: there are three charts, and a chance excursion is some ten independent rows long.
        """
        return min(max(1.0 / (30.0 * self.false_alarm_rows), 1e-12), 1e-5)
