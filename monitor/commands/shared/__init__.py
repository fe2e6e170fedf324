"""What the commands share: options, opening a plant, printing.

No command is defined here.
"""
