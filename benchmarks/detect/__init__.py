"""`make bench-detect`: what detectors of machines find, how early, and how often they flag what is healthy."""
