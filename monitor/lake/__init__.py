"""The lake: what the gates and detectors made, appended to Delta tables exactly once.

Must not contain SQL on the store, which `monitor.store.lake` has. But for `packages`, it is loaded only where the plant
file has `lake`: it needs the packages of the extra `lake`.
"""
