"""Running a plant: wiring, the service, a single pass, a replay and its recording.

The only room that imports all others; no product logic is here.
"""
