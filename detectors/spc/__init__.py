"""Statistical process control and measurement systems: charts, rules, capability, gauge R&R, as pure functions.

Knows no plant, no store and no file; limits come from a stated phase 1, never from a specification.
"""
