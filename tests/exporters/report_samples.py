"""A small report that has something in every section, with any text in every place that data can reach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alerting.quality.figures import AlarmQuality, FrequentAlarm, StandingAlarm, TeamAlarms
from exporters.report.changes import Changes, DriftBegun, ModelChange
from exporters.report.values import (
    Breach,
    Bucket,
    BuiltStep,
    CalibrationBin,
    Comparison,
    DecisionCounts,
    Detection,
    Episode,
    Evaluation,
    Exceedance,
    Fault,
    Gain,
    GateReport,
    Intake,
    LineMonth,
    MachineReport,
    Period,
    PlantReport,
    Realised,
    Recovery,
    Retraining,
    SavedMonth,
    SensorReport,
    StepReport,
    StopAt,
    Trend,
    TrueCosts,
    Verdicts,
    VersionPeriod,
    VersionRow,
    Wrong,
)

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
END = START + timedelta(days=1)
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    return START + hours * HOUR


def sensor(text: str, name: str = "temperature", breaches: tuple[Breach, ...] = ()) -> SensorReport:
    buckets = tuple(Bucket(at(n), 300.0 + n, 310.0 + n, 320.0 + n) for n in range(24) if n not in (7, 8))
    return SensorReport(f"{name}{text}", f"degC{text}", 290.0, 335.0, HOUR, buckets, 2880, 12, breaches)


def machine(text: str) -> MachineReport:
    out = Breach("limits", f"limit{text}", f"temperature{text}", at(16), None, 336.0, 335.0, (f"temperature{text}",))
    odd = Breach("anomaly", f"condition{text}", "", at(9), at(11), 1.4, 1.0, (f"force{text}", f"speed{text}"))
    sensors = (sensor(text, breaches=(out,)), sensor(text, "force"), SensorReport(f"dead{text}", "", None, None, HOUR))
    return MachineReport(f"F1{text}", f"forging{text}", sensors, (Period(at(7), at(9), f"idle{text}"),), (odd,))


def trend(text: str, detector: str, method: str, feature: str = "") -> Trend:
    values = [0.4, 0.5, None, 1.3, 1.6, 0.7]
    points = tuple(
        Evaluation(at(4 * n), v, 1.0, "no_data" if v is None else "breach" if v > 1 else "ok", (f"hardness{text}",))
        for n, v in enumerate(values)
    )
    return Trend(detector, f"{method}{text}", f"{feature}{text}" if feature else "", points)


def gate(text: str) -> GateReport:
    numbers = {"continue": (40, 30, 1, 0, 9), "correct": (3, 0, 2, 0, 1), "scrap": (0,) * 5, "hold": (5, 2, 1, 1, 1)}
    verdicts = tuple(Verdicts(verdict, *some) for verdict, some in numbers.items())
    decided = tuple(DecisionCounts(at(6 * n), {"continue": 10, "hold": n, f"odd{text}": 1}) for n in range(4))
    realised = tuple(Realised(at(3 * n), 5, n - 3.0, n - 6.0, n + 1.0, 4) for n in range(8))
    trends = (trend(text, "performance", "mae"), trend(text, "performance", "skill"))
    versions = (VersionPeriod(f"1{text}", at(0), at(13), 30), VersionPeriod(f"2{text}", at(13.5), at(24), 18))
    slices = (Exceedance("performance", "bias", f"F1/R{text}", 3, 1.2, at(8), at(16)),)
    return GateReport(f"shape{text}", f"forging{text}", f"tip{text}", f"mm{text}", 6 * HOUR, 0.9, verdicts,
                      {f"uncertain{text}": 4, "no_model": 1}, decided, realised, trends, slices, versions,
                      calibration=tuple(CalibrationBin(k / 4, (k + 1) / 4, 40, 0.25, 0.1 + k / 10, 0.05, 0.6)
                                        for k in range(4)))  # fmt: skip


def report(text: str = "", faults: bool = True) -> PlantReport:
    """The report; `text` is put behind every name and into every sentence."""
    drift = Exceedance("drift", f"wasserstein{text}", f"hardness{text}", 3, 1.6, at(12), at(16))
    step = StepReport(f"forging{text}", f"blades{text}", (trend(text, "drift", "worst_ratio"),), (drift,),
                      (Period(at(2), None, f"version 2, 500 parts, after maintenance{text}"),))  # fmt: skip
    alerts = (
        Episode(f"MachineOutOfSpec{text}", f"F1{text}", "critical", f"operators{text}", f"blades{text}", at(16), None,
                f"temperature of F1 is 336, limit 335{text}", 336.0, 335.0),
        Episode("DataDrift", f"forging{text}", "warning", "engineers", "blades", at(12.25), at(20), f"hardness{text}"),
        Episode("Watchdog", "site", f"info{text}", "platform", "", at(0), None, "the evaluation runs"),
    )  # fmt: skip
    gains = (Gain("all", 60, 9.5, 4.25, 5.25, 4.0, 6.5), Gain(f"machine F1{text}", 20, 9.0, 4.0, 5.0, 2.0, 8.0))
    retraining = Retraining(
        f"shape{text}", f"ModelDegraded{text}", at(13), "promoted", f"better{text}", at(13), at(13.4), f"1{text}",
        f"2{text}", Comparison(gains, 4, 0.5, 0.9),
    )  # fmt: skip
    refused = Retraining(f"shape{text}", "ModelDegraded", at(9), "refused", "cooling_down", at(9), None, "1", "")
    version = VersionRow(f"shape{text}", f"2{text}", at(13.4), 512, "in_force", {"skill": 0.61}, f"ab{text}")
    sign = Detection(f"DataDrift{text}", at(12.25))
    place = (f"F1{text}", f"temperature{text}", f"forging{text}")
    worn = (Detection("MachineOutOfSpec", at(16)),)
    injected = (
        Fault("lot_shift", f"forging{text}", "", f"forging{text}", at(11), at(17), detections=(sign,),
              recommended={f"shape{text}": {"hold": 4}}),
        Fault("slow_wear", *place, at(10), at(24), True, at(18), worn),
        Fault("dead_sensor", f"F1{text}", f"dead{text}", f"forging{text}", at(20), at(22)),
    )  # fmt: skip
    recoveries = (Recovery(f"shape{text}", 4.0, 9.0, 4.25), Recovery("other", 4.0, 9.0, None)) if faults else ()
    taken = Intake({"readings": 2880, "part steps": 48}, {f"no_key{text}": 2}, {f"pull:mes{text}": 1}, {"sent": 48})
    month = START.replace(day=1, hour=0)
    saved = SavedMonth(
        f"shape{text}", month, at(1), 960, 700, 60, 40, 160, 90, 70, 55, 8, 12, 5, 3, 70, 1_234_567.0, 1_100_000.0,
        1_390_000.0, Wrong(1, 39, 4, None, 1.0, 26.4), Wrong(2, 0),
    )  # fmt: skip
    stops = (
        StopAt(f"melting{text}", 20.0, 62.5, 1_500_000.0),
        StopAt(f"forging{text}", 120.0, 62.5, 1_400_000.0, (f"shape{text}",), 90),
        StopAt("testing", 200.0, 12.0, 300_000.0),
    )  # fmt: skip
    named = (f"north{text}", START, END, f"0123456789ab{text}")
    watched = (alerts, (refused, retraining), (version,), taken)
    spent = TrueCosts(
        f"shape{text}", 1234, ((f"as recommended{text}", 8340), ("had every part gone on", 150000)),
        (("inspected", f"73{text}"), ("corrected", "5, then within specification: 4")),
    )  # fmt: skip
    built = (BuiltStep(f"forging{text}", 0.682, 0.75, True), BuiltStep("coating", 0.0, 0.07, False))
    quality = AlarmQuality(
        (TeamAlarms("engineers", 1, 0, 1.0, 0.007, 1), TeamAlarms(
            f"operators{text}", 24, 3, 24.0, 0.167, 12, 1, 0.0123, 1, 1, timedelta(minutes=4), timedelta(hours=2), 1,
        )),
        (FrequentAlarm(f"SensorDead{text}", "F1", f"operators{text}", 20, 0.8),),
        (FrequentAlarm(f"SensorDead{text}", "F1", f"operators{text}", 20, 0.8),),
        (StandingAlarm(f"SourceStale{text}", f"mes{text}", f"operators{text}", at(-30)),),
    )  # fmt: skip
    changed = Changes(
        2, 1, 2, (ModelChange(f"shape{text}", "", f"2{text}", at(13.5)), ModelChange("other", "3", "4", at(14))),
        (DriftBegun(f"forging{text}", at(12), (f"hardness{text}", "tip")), DriftBegun("coating", at(13))), 2, 1,
        1_234_567.0, 45_600.0,
    )  # fmt: skip
    return PlantReport(
        *named, (gate(text),), (machine(text),), (step,), *watched, injected if faults else None, recoveries,
        (saved,), (LineMonth(f"blades{text}", month, at(1), stops),),
        spent if faults else None, built if faults else (), "", quality, changed,
    )  # fmt: skip
