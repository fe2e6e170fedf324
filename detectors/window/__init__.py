"""Window detectors: `(reference, current) -> findings`, without a state.

Which windows are compared is not decided here.
"""
