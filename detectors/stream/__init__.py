"""Online detectors: one machine's rows in order, `(state, batch) -> (state, findings)`.

No detector knows where rows come from, or what becomes of its findings.
"""
