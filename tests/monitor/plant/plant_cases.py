"""Ways to spoil the good plant file, each with a sentence for its name."""

from __future__ import annotations

from pathlib import Path

GOOD = Path(__file__).parent / "plants" / "good.yaml"
ENVIRON = {"MES_PASSWORD": "hunter2"}
WHOLE = ""
SINCE = "since: '2026-01-01T00:00:00Z'"

SHIFT = '{name: early, start: "06:00", end: "14:30"'
WINDOW = "{name: w, reason: belts, lines: [LINES], weekly: {start: '06:00', end: '07:00'}}"
MILL = "{step: machine, characteristic: thickness, model: m, kind: ensemble, covariates: [spindle_load]"
PLANNED = "plan: 40, low: 30, high: 50, step: 1, cost: 5"
WRITTEN = ("recommendation: advice,", "recommendation: advice, adjustment: what, adjust_to: to,")


def adjusting(variable: str = "machine.spindle_load", planned: str = PLANNED, more: str = "") -> tuple[str, str]:
    """The gate of the good plant file with an adjustment in place of a covariate of the later step."""
    keys = f"    costs: {{scrap: 1, inspection: 1}}\n    adjustments: {{{variable}: {{{planned}}}{more}}}"
    return "    covariates: [machine.spindle_load, surface_mean]\n    rework: {above: 0.2}", keys


SCRAP_CLASS = "{value: %d, means: scrap}"
GOOD_CLASS = "a: {value: 0, means: continue}"

SPOILED: dict[str, tuple[tuple[str, str], ...]] = {
    "an unknown key is named with those allowed": (("    url: postgresql+psycopg://reader", "    urll: postgres://r"),),
    "an unknown key at the top is named": (("clock_skew: 5m", "clock_skw: 5m"),),
    "a missing key is reported at its parent's line": (("    table: operations\n", ""),),
    "missing keys at the top are reported at the file": (("version: 1\nsite: north\n", ""),),
    "a key given twice is reported with both lines": (("site: north", "site: north\nsite: south"),),
    "a wrong version": (("version: 1", "version: 2"),),
    "shifts that overlap": (
        ("site: north", f"site: north\nshifts:\n- {SHIFT}}}\n- {SHIFT.replace('06:00', '14:00')}}}"),
    ),
    "a shift on days that are none": (("site: north", f"site: north\nshifts: [{SHIFT}, days: weekdays}}]"),),
    "a shift at a time that is none": (("site: north", f"site: north\nshifts: [{SHIFT.replace('06:00', '6')}}}]"),),
    "a maintenance window of a line that is none": (
        ("site: north", f"site: north\nmaintenance: [{WINDOW.replace('LINES', 'nowhere')}]"),
    ),
    "a maintenance window of no time": (
        ("site: north", "site: north\nmaintenance: [{name: w, reason: belts, steps: [machine]}]"),
    ),
    "quiet hours without an end": (
        ("site: north", "site: north\nnotify: {quiet: {operators: [{start: '06:00', end: '06:00'}]}}"),
    ),
    "an escalation to the team itself": (
        ("site: north", "site: north\nnotify: {escalate: {operators: {after: 15m, to: operators}}}"),
    ),
    "an escalation to a team that is none": (
        ("site: north", "site: north\nnotify: {escalate: {operators: {after: 15m, to: boss}}}"),
    ),
    "a budget of an alert that always fires": (
        ("site: north", "site: north\nalerts: {change: {Watchdog: {budget: 3}}}"),
    ),
    "a handover without shifts": (("site: north", "site: north\nnotify: {handover: [operators]}"),),
    "a handover to a team that is none": (("site: north", "site: north\nnotify: {handover: [operator]}"),),
    "a report at a time that is none": (("site: north", "site: north\nreports: {daily: {at: 6 am}}"),),
    "a report on a day that is none": (("site: north", "site: north\nreports: {weekly: {at: 06:00, day: monday}}"),),
    "a number where text belongs asks for quotes": (("    lot: heat", "    lot: 0010"),),
    "nothing where text belongs": (("    table: tags", "    table:"),),
    "a list where a mapping belongs": (("server: {port: 9465}", "server: [9465]"),),
    "text where a mapping belongs": (("server: {port: 9465}", "server: yes"),),
    "a mapping where a list belongs": (('    profile: ["p{01..30}"]', "    profile: {a: b}"),),
    "too short a profile": (('    profile: ["p{01..30}"]', "    profile: [p01, p02]"),),
    "a gate of numbers without any": (('    profile: ["p{01..30}"]\n', ""),),
    "a picture for a gate of numbers": (('    profile: ["p{01..30}"]', "    image: surface"),),
    "pixels without a size": (("image: {width: 64, height: 64}", "image: {width: 64}"),),
    "a file with a size": (("image: {width: 64, height: 64}", "image: {format: file, width: 64, height: 64}"),),
    "a format that is none": (("image: {width: 64, height: 64}", "image: {format: png}"),),
    "a list where a column belongs": (("    value: v", "    value: [v]"),),
    "a word of a closed list, nearly": (("on_hold: inspect", "on_hold: inspekt"),),
    "a number out of range": (("port: 9465", "port: 94650"),),
    "a fraction where a whole number belongs": (("port: 9465", "port: 94.65"),),
    "text where a number belongs": (("low: 100", "low: 100 kN"),),
    "infinity where a number belongs": (("low: 100", "low: -.inf"),),
    "yes where a number belongs": (("low: 100", "low: yes"),),
    "a scale of nothing": (("scale: 0.5556", "scale: 0"),),
    "a mapping among the missing codes": (('missing: [0, "N/A"]', "missing: [{a: 1}]"),),
    "a bare number as a duration": (("clock_skew: 5m", "clock_skew: 5"),),
    "a duration in words": (("clock_skew: 5m", "clock_skew: 5 minutes"),),
    "a duration of ten million days": (("clock_skew: 5m", "clock_skew: 10000000d"),),
    "an interval of no time": (("every: 1h30m", "every: 0s"),),
    "a retention of no time": (("readings: 30d", "readings: 0d"),),
    "an unknown time zone": (("column: booked, zone: Europe/Berlin", "column: booked, zone: Berlin"),),
    "zone and epoch together": (("{column: t, epoch: ms}", "{column: t, epoch: ms, zone: UTC}"),),
    "a value in a condition": (("    delay: 1d", "    delay: 1d\n    where: LINE = 5"),),
    "a parameter without a value": (
        ("    delay: 1d", "    delay: 1d\n    where: {sql: 'LINE = :line', params: {lin: A}}"),
    ),
    "a second statement in a condition": (("    delay: 1d", "    delay: 1d\n    where: LINE = :l; DROP TABLE x"),),
    "a list as a parameter": (
        ("    delay: 1d", "    delay: 1d\n    where: {sql: 'LINE = :line', params: {line: [A]}}"),
    ),
    "format and epoch together": (("{column: t, epoch: ms}", "{column: t, epoch: ms, format: '%Y%m%d'}"),),
    "a format without a zone": (("{column: t, epoch: ms}", "{column: t, format: '%Y%m%d %H:%M'}"),),
    "a format with an unknown directive": (("{column: t, epoch: ms}", "{column: t, format: '%d.%m.%j', zone: UTC}"),),
    "a format without a date": (("{column: t, epoch: ms}", "{column: t, format: '%H:%M:%S', zone: UTC}"),),
    "a time without an offset": (("since: 2026-01-01T00:00:00Z", "since: 2026-01-01T00:00:00"),),
    "a date as a time": (("since: 2026-01-01T00:00:00Z", "since: 2026-01-01"),),
    "a time before all calendars": (("since: 2026-01-01T00:00:00Z", "since: 0001-01-01T00:00:00+23:00"),),
    "two specs since the same instant": (("2026-06-01T00:00:00+02:00", "2026-01-01T01:00:00+01:00"),),
    "limits the wrong way round": (("low: 100, high: 900", "low: 900, high: 100"),),
    "a target outside the specification": (("target: 10,", "target: 11,"),),
    "a specification without limits": (("lower: 9.95, upper: 10.05", "target: 10"),),
    "a characteristic of two kinds": (("    unit: mm\n    specs:", "    pass_fail: scrap\n    specs:"),),
    "a characteristic of no kind": (("characteristics:\n", "characteristics:\n  leak: {}\n"),),
    "a unit of pass or fail": (("characteristics:\n", "characteristics:\n  leak: {unit: mm, pass_fail: scrap}\n"),),
    "a failed part that continues": (("characteristics:\n", "characteristics:\n  leak: {pass_fail: continue}\n"),),
    "a single class": (("characteristics:\n", f"characteristics:\n  s: {{classes: {{{GOOD_CLASS}}}}}\n"),),
    "two classes of one number": (
        ("characteristics:\n", f"characteristics:\n  s: {{classes: {{{GOOD_CLASS}, b: {SCRAP_CLASS % 0}}}}}\n"),
    ),
    "a class of a negative number": (
        ("characteristics:\n", f"characteristics:\n  s: {{classes: {{{GOOD_CLASS}, b: {SCRAP_CLASS % -1}}}}}\n"),
    ),
    "classes none of which continues": (
        ("characteristics:\n", "characteristics:\n  s: {classes: {a: {value: 0, means: correct}, b: {value: 1, "
         "means: scrap}}}\n"),
    ),
    "a class that means to hold": (
        ("characteristics:\n", f"characteristics:\n  s: {{classes: {{{GOOD_CLASS}, b: {{value: 1, means: hold}}}}}}\n"),
    ),
    "a kind for numbers on a characteristic with classes": (
        ("characteristics:\n", "characteristics:\n  leak: {pass_fail: scrap}\n"),
        ("characteristic: thickness\n    model", "characteristic: leak\n    model"),
    ),
    "a kind for classes on a number": (("    model: blade-", "    kind: classifier\n    model: blade-"),),
    "a gate for classes without an input": (
        ("characteristics:\n", "characteristics:\n  leak: {pass_fail: scrap}\n"),
        ("\nsources:\n", "  b: {step: machine, characteristic: leak, model: m, kind: classifier}\nsources:\n"),
    ),
    "keys for numbers at a gate for classes": (
        ("characteristics:\n", "characteristics:\n  leak: {pass_fail: scrap}\n"),
        ("\nsources:\n", "  b: {step: machine, characteristic: leak, model: m, kind: classifier, profile_kind: line, "
         "covariates: [spindle_load], rework: {above: 1}}\nsources:\n"),
    ),
    "a name with a space": (("  mill1:", "  mill 1:"),),
    "a step with a dot": (("  machine: {line: blades}", "  machine.a: {line: blades}"),),
    "a kind of model that is not known": (("    model: blade-", "    kind: shapes\n    model: blade-"),),
    "alerts by Prometheus without a token": (("site: north", "site: north\nprofile: stack"),),
    "an Alertmanager that evaluates nothing": (
        ("site: north", "site: north\nalerts: {alertmanager_url: 'http://127.0.0.1:9093'}"),
    ),
    "an Alertmanager with a password": (
        ("site: north", "site: north\nalerts: {alertmanager_url: 'http://ann:hunter2@127.0.0.1:9093'}"),
    ),
    "an alert that does not exist": (("site: north", "site: north\nalerts: {change: {DataDrifts: {limit: 2}}}"),),
    "a clear level above the limit": (
        ("site: north", "site: north\nalerts: {change: {DataDrift: {limit: 1, clear: 2}}}"),
    ),
    "an unknown kind of source": (("kind: outcomes", "kind: outcome"),),
    "a number as the kind of source": (("kind: outcomes", "kind: 5"),),
    "no kind of source": (("    kind: outcomes\n", ""),),
    "a key of another kind of source": (("    delay: 1d", "    delay: 1d\n    lot: x"),),
    "a path instead of a URL": (("url: sqlite:///lab.db", "url: lab.db"),),
    "a folder instead of a tracking URI": (("site: north", "site: north\nmlflow: {tracking_uri: ./mlruns}"),),
    "Unity Catalog for runs": (("site: north", "site: north\nmlflow: {tracking_uri: databricks-uc}"),),
    "the open-source Unity Catalog": (("site: north", "site: north\nmlflow: {registry_uri: 'uc:http://uc:8080'}"),),
    "the old registry of a workspace": (("site: north", "site: north\nmlflow: {registry_uri: databricks}"),),
    "a folder instead of a registry URI": (("site: north", "site: north\nmlflow: {registry_uri: ./models}"),),
    "a model of one level in Unity Catalog": (("site: north", "site: north\nmlflow: {registry_uri: databricks-uc}"),),
    "an experiment in Databricks without a path": (
        ("site: north", "site: north\nmlflow: {tracking_uri: databricks}"),
        ("model: blade-shape", "model: main.plant.blade"),
    ),
    "both layouts of readings": (("    value: v", "    value: v\n    values: {force: f}"),),
    "half of the long layout": (("    value: v\n", ""),),
    "an unknown field written back": (("recommendation: advice", "advice: advice"),),
    "two fields written to one column": (("decided_at: ts", "decided_at: sn"),),
    "a machine at an unknown step": (("mill1: {step: machine", "mill1: {step: mashine"),),
    "a machine like one that does not exist": (("mill1: {step: machine", "mill1: {step: machine, like: mill9"),),
    "a machine like itself": (("mill1: {step: machine", "mill1: {step: machine, like: mill1"),),
    "a machine like one with other sensors": (("mill1: {step: machine", "mill1: {step: machine, like: press1"),),
    "a gate at an unknown step": (("  blade:\n    step: forge", "  blade:\n    step: press"),),
    "a gate on an unknown characteristic": (
        ("characteristic: thickness\n    model", "characteristic: width\n    model"),
    ),
    "a gate's unknown input": (("surface_mean]", "surface]"),),
    "a gate's input at an unknown step": (("machine.spindle_load", "mill.spindle_load"),),
    "a gate's input given twice": (("surface_mean]", "forge.p03]"),),
    "a gate that uses its own predictions": (("    rework: {above: 0.2}", "    predictions: [blade]"),),
    "predictions of an unknown gate": (("    rework: {above: 0.2}", "    predictions: [balde]"),),
    "predictions of a gate given twice": (
        ("    rework: {above: 0.2}", "    predictions: [mill, mill]"),
        ("\nsources:\n", f"  mill: {MILL}}}\nsources:\n"),
    ),
    "two gates that wait for each other": (
        ("    rework: {above: 0.2}", "    predictions: [mill]"),
        ("\nsources:\n", f"  mill: {MILL}, predictions: [blade]}}\nsources:\n"),
    ),
    "costs without that of an inspection": (("    rework: {above: 0.2}", "    costs: {scrap: 400}"),),
    "an adjustment without costs": (
        ("    covariates: [machine.spindle_load, surface_mean]",
         f"    adjustments: {{machine.spindle_load: {{{PLANNED}}}}}"),
        WRITTEN,
    ),
    "an adjustment of an earlier step": (adjusting("forge.spindle_load"), WRITTEN),
    "an adjustment of no step": (adjusting("spindle_load"), WRITTEN),
    "an adjustment of an unknown step": (adjusting("coat.spindle_load"), WRITTEN),
    "an adjustment of an unknown feature": (adjusting("machine.spindle_lode"), WRITTEN),
    "an adjustment of a covariate": (
        ("    rework: {above: 0.2}",
         f"    costs: {{scrap: 1, inspection: 1}}\n    adjustments: {{machine.spindle_load: {{{PLANNED}}}}}"),
        WRITTEN,
    ),
    "an adjustment planned outside its guard rails": (
        adjusting(planned="plan: 60, low: 30, high: 50, step: 1, cost: 5"), WRITTEN,
    ),
    "an adjustment with no step": (adjusting(planned="plan: 40, low: 30, high: 50, step: 0, cost: 5"), WRITTEN),
    "an adjustment with more settings than can be tried": (
        adjusting(planned="plan: 40, low: 30, high: 50, step: 0.1, cost: 5"), WRITTEN,
    ),
    "an adjustment with nothing but the plan": (
        adjusting(planned="plan: 40, low: 39.5, high: 40.5, step: 1, cost: 5"), WRITTEN,
    ),
    "an adjustment that costs less than nothing": (
        adjusting(planned="plan: 40, low: 30, high: 50, step: 1, cost: -5"), WRITTEN,
    ),
    "an adjustment that the MES is not told of": (adjusting(),),
    "two adjustments of which the MES is told one": (
        adjusting(more=f", machine.surface_mean: {{{PLANNED}}}"), WRITTEN,
    ),
    "an adjustment for a model of classes": (
        adjusting(), WRITTEN, ("    model: blade-shape", "    model: blade-shape\n    kind: classifier"),
    ),
    "a cost below nothing": (("    rework: {above: 0.2}", "    costs: {scrap: -1, inspection: 60}"),),
    "a correction that always fails": (
        ("    rework: {above: 0.2}", "    costs: {scrap: 1, inspection: 1, corrections: {g: {cost: 1, success: 0}}}"),
    ),
    "a surge of no scrap at all": (
        ("    rework: {above: 0.2}", "    costs: {scrap: 1, inspection: 1, surge: 0, confirm_scrap: perhaps}"),
    ),
    "an audit of parts that are held": (
        ("    rework: {above: 0.2}", "    costs: {scrap: 1, inspection: 1, audit: {hold: 0.1}}"),
    ),
    "an audit of more than all": (
        ("    rework: {above: 0.2}", "    costs: {scrap: 1, inspection: 1, audit: {scrap: 2}}"),
    ),
    "an audit of which nobody is told": (
        ("    rework: {above: 0.2}", "    costs: {scrap: 1, inspection: 1, audit: {scrap: 0.05}}"),
    ),
    "a category that no part has": (("    rework: {above: 0.2}", "    categories: [machine, colour]"),),
    "a category of an unknown step": (("    rework: {above: 0.2}", "    categories: [bend.machine]"),),
    "a category given twice": (("    rework: {above: 0.2}", "    categories: [machine, forge.machine]"),),
    "a category without a column": (("    rework: {above: 0.2}", "    categories: [lot]"), ("    lot: heat\n", "")),
    "predictions for a gate of pictures": (
        ('    profile: ["p{01..30}"]', "    kind: image\n    image: surface\n    predictions: [mill]"),
        ("    covariates: [machine.spindle_load, surface_mean]\n", ""),
    ),
    "an outcome of an unknown characteristic": (
        ("characteristic: thickness\n    value", "characteristic: thick\n    value"),
    ),
    "a reading of an unknown sensor": (("values: {force: F1,", "values: {torque: F1,"),),
    "a code for an unknown step": (("20: machine}", "20: mill}"),),
    "a code for an unknown machine": (("WC-7: press1", "WC-7: press7"),),
    "a code for an unknown sensor": (("FRC: force", "FRC: farce"),),
    "a code for an unknown state": (("off: down", "off: stopped"),),
    "a vector among the readings": (("values: {force: F1,", "values: {force: {column: F1, vector: 3},"),),
    "an image as an outcome": (("{column: thk, unit: mm}", "{column: thk, image: {width: 4, height: 4}}"),),
    "a column that is image and vector": (("height: 64}}", "height: 64}, vector: 9}"),),
    "an image with codes": (("height: 64}}", "height: 64}, codes: {OK: 0}}"),),
    "a code with a blank around it": (("{column: thk, unit: mm}", "{column: thk, codes: {' OK': 0}}"),),
    "a code of a value that is no number": (("{column: thk, unit: mm}", "{column: thk, codes: {OK: good}}"),),
    "a decimal mark that is none": (("{column: thk, unit: mm}", "{column: thk, decimal: ';'}"),),
    "two conversions since the same instant": (
        ("{column: thk, unit: mm}", f"{{column: thk, conversions: [{{{SINCE}}}, {{{SINCE}, scale: 2}}]}}"),
    ),
    "a conversion by nothing": (("{column: thk, unit: mm}", f"{{column: thk, conversions: [{{{SINCE}, scale: 0}}]}}"),),
    "a conversion at a machine that the rows do not name": (
        ("{column: thk, unit: mm}", f"{{column: thk, conversions: [{{{SINCE}, machine: press1}}]}}"),
    ),
    "a conversion at an unknown machine": (
        ("values: {force: F1,", f"values: {{force: {{column: F1, conversions: [{{{SINCE}, machine: press7}}]}},"),
    ),
    "a conversion of an unknown sensor": (
        ("    value: v", f"    value: {{column: v, conversions: [{{{SINCE}, sensor: farce}}]}}"),
    ),
    "an unknown step in a partition": (("second: [machine]", "second: [polish]"),),
    "a step in two partitions": (("second: [machine]", "second: [machine, forge]"),),
    "partitions of outcomes": (("    delay: 1d", "    delay: 1d\n    partitions: {a: [forge]}"),),
    "a feature with a dot": (("      spindle_load: LOAD", "      spindle_load: LOAD\n      a.b: C"),),
    "two gates at one step": (
        ("\nsources:\n",
         "  b: {step: forge, characteristic: thickness, model: m, profile: [p01, p02, p03, p04]}\nsources:\n"),
    ),
    "a sensor that no source reads": (
        ("    sensor: {column: tag, codes: {FRC: force}}\n    value: v", "    values: {force: v}"),
        ("mill1: {step: machine, sensors: {force: {}}}", "mill1: {step: machine, sensors: {feed: {}}}"),
    ),
    "ranges of unequal length": (('"P{01..30}", scale', '"P{01..20}", scale'),),
    "a range the wrong way round": (("p{01..30}: {column", "p{30..01}: {column"),),
    "a range without end": (("p{01..30}: {column", "p{0..99999999}: {column"),),
    "two ranges in a key": (("p{01..30}: {column", "p{01..30}_{1..2}: {column"),),
    "a range where there is nothing to expand": (("    table: operations", "    table: operations{1..2}"),),
    "two ranges in an item": (('profile: ["p{01..30}"]', 'profile: ["p{01..30}{1..2}"]'),),
    "an environment variable that is not set": (("reader:${MES_PASSWORD}", "reader:${NO}"),),
    "a secret file that is not there": (("site: north", "site: ${file:no-such-file}"),),
    "a secret file that is a folder": (("site: north", "site: ${file:.}"),),
    "a reference that is not closed": (("table: recommendations", "table: ${TABLE"),),
    "a reference in shell's words": (("table: recommendations", "table: ${TABLE:-x}"),),
    "a tag that makes an object": (("site: north", "site: !!python/object/apply:os.system [x]"),),
    "a tag of YAML 1.1": (("site: north", "site: !!binary bm9ydGg="),),
    "a tag whose value does not fit": (("site: north", "site: !!int north"),),
    "half of a surrogate pair": (("site: north", 'site: "\\ud800"'),),
    "half of a surrogate pair in a key": (("site: north", '"\\ud800": x\nsite: north'),),
    "a list as a key": (("site: north", "[a]: x\nsite: north"),),
    "a merge of text": (("site: north", "<<: x\nsite: north"),),
    "a tab": (("site: north", "site:\n\tnorth"),),
    "a bracket that is not closed": (("server: {port: 9465}", "server: {port: 9465"),),
    "no space after a colon": (("version: 1\n", "version:1\n"),),
    "an unknown alias": (("site: north", "site: *north"),),
    "two documents": (("site: north", "site: north\n---\n"),),
    "a control character": (("site: north", "site: no\x07rth"),),
    "an escape beyond Unicode": (("site: north", 'site: "\\UFFFFFFFF"'),),
    "an alias that contains itself": (("site: north", "site: &a [*a]"),),
    "a merge that contains itself": (("site: north", "site: &a {<<: *a}"),),
    "brackets without end": (("site: north", "site: " + "[" * 5000),),
    "a billion laughs": (
        ("site: north", "a: &a [" + "x, " * 9 + "]\n" + "".join(
            f"{c}: &{c} [{', '.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
        ) + "site: north"),
    ),
    "an empty file": ((WHOLE, ""),),
    "a file of comments": ((WHOLE, "# nothing\n"),),
    "a list at the top": ((WHOLE, "- version: 1\n"),),
    "text at the top": ((WHOLE, "hello"),),
    "a file that is another program's": ((WHOLE, "services:\n  web: {image: nginx}\n"),),
    "many problems are all told at once, in the order of the file": (
        ("clock_skew: 5m", "clock_skew: 5"),
        ("port: 9465", "prot: 9465"),
        ("mill1: {step: machine", "mill1: {step: polish"),
        ("high: 900", "high: 9"),
        ("column: finished, zone: Europe/Berlin", "column: finished, zone: Mars"),
        ("column: booked, zone: Europe/Berlin", "column: booked, zon: UTC"),
        ("FRC: force", "FRC: fource"),
        ("    table: results\n", ""),
        ("serial: sn\n    characteristic: thickness", "serial: sn\n    characteristic: thick"),
        ("time_zone: Europe/Berlin", "attempts: 0"),
    ),
    "a good period that ends before it begins": (
        ("  press1:\n    step: forge", "  press1:\n    step: forge\n    reference: {since: 2026-02-01T00:00:00Z, "
         "until: 2026-01-01T00:00:00Z}"),
    ),
    "a good period without an end": (
        ("  press1:\n    step: forge", "  press1:\n    step: forge\n    reference: {since: 2026-02-01T00:00:00Z}"),
    ),
    "false alarms in other words": (("clock_skew: 5m", "clock_skew: 5m\ndetectors: {false_alarms: few}"),),
    "no false alarm": (
        ("clock_skew: 5m", "clock_skew: 5m\ndetectors: {false_alarms: 0 per machine and month}"),
    ),
    "false alarms as a number": (("clock_skew: 5m", "clock_skew: 5m\ndetectors: {false_alarms: 1}"),),
    "a warm-up of too few samples": (("clock_skew: 5m", "clock_skew: 5m\ndetectors: {warmup_rows: 99}"),),
}  # fmt: skip


OVERRIDES: dict[str, str] = {
    "setting an unknown key": "sources.lab.tabel=x",
    "setting what contradicts the file": "machines.m9.step=x",
    "setting a mapping with an unknown key": "server={prot: 1}",
    "setting the wrong type": "server.port=x",
    "setting a key beneath text": "site.name=x",
    "setting a key beneath a column's name": "sources.mes.lot.a=x",
    "setting an item too many": "gates.blade.profile.30=x",
    "setting an item by name": "gates.blade.profile.p=x",
    "setting broken YAML": "site=[hunter3",
    "setting a key twice": "site={a: 1, a: 2}",
    "setting no value": "server.port",
    "setting no key": "=hunter3",
    "setting half a key": "server.=hunter3",
    "setting a range": 'sources.mes.values."p{01..02}".scale=2',
    "setting a secret that is not there": "site=${NO}",
    "setting an unprintable value": "site=hunter3\x00",
}


def spoil(changes: tuple[tuple[str, str], ...]) -> str:
    """The good file's text with each first occurrence replaced; WHOLE replaces everything."""
    text = GOOD.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1) if old else new
    return text
