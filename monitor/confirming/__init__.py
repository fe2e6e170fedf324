"""What a decision by cost rests on beside the part's own prediction: second signals, surges of scraps, audits.

Nothing here predicts, and nothing is written: decisions are taken as they were made and come back as they stand.
"""
