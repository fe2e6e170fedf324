"""A plant for the tests of alerts."""

PLANT = """
version: 1
site: north
steps: {form: {line: l1}, coat: {line: l2}}
machines:
  m1: {step: form, sensors: {heat: {low: 0, high: 10}}}
  m2: {step: coat, sensors: {heat: {low: 0, high: 10}}}
  bare: {step: coat}
characteristics: {width: {specs: [{since: "2020-01-01T00:00:00Z", lower: 0, upper: 100}]}}
gates: {shape: {step: coat, characteristic: width, model: w, profile: [a, b, c, d]}}
sources:
  parts:
    {kind: part_steps, url: "sqlite:///mes.db", table: PARTS, serial: SN, step: OP, at: {column: AT, epoch: s},
     values: {a: A, b: B, c: C, d: D}}
  readings:
    {kind: readings, url: "sqlite:///mes.db", table: READINGS, machine: EQ, at: {column: AT, epoch: s},
     values: {heat: HEAT}}
write_back:
  {url: "sqlite:///mes.db", table: ADVICE,
   columns: {site: SITE, serial: SN, step: OP, visit: PASS, revision: REV, recommendation: ADVICE}}
"""
