"""What is wrong with a refused value, in words; the quarantine, the preview and the check say the same."""

from __future__ import annotations

SAID = {
    "not_a_number": "is not a number",
    "infinite": "is too large a number",
    "unknown_machine": "is no machine of the plant file",
    "unknown_step": "is no step of the plant file",
    "unknown_sensor": "is no sensor of the machine in the plant file",
    "unknown_state": "is no machine state",
    "no_key": "is no part of a key",
    "no_time": "is no time",
    "impossible_time": "cannot be read as a time",
    "ambiguous_time": "is a local time that may be one of two, or of an unknown zone",
    "ahead_of_clock": "is ahead of the clock",
    "bad_image": "is no image as the plant file says",
    "bad_vector": "has not as many numbers as the plant file says",
    "unknown_class": "is no class of the characteristic in the plant file",
    "damaged": "is in a file, or a line of one, that cannot be read",
    "contradiction": "contradicts another row of its key",
}
"""What is wrong with a value, by the reason of its refusal."""
