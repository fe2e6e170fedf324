"""What the results of many plants say beside each other: sites, machines of one type, one model for all or one each.

Judges nothing that a single plant's results say already, and reads no plant's rows.
"""
