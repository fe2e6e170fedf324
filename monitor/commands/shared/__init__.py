"""What commands share: options, opening a plant, printing.

No command is written here.
"""
