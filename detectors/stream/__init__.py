"""Online detectors, which judge one machine's rows in order: `(state, batch) -> (state, findings)`.

Must not read sources, load or save states, or act on findings.
"""
