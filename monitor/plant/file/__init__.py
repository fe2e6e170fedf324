"""Reading the plant file: YAML with line numbers, overrides, secrets, every problem at once.

What a value means to the product is not decided here.
"""
