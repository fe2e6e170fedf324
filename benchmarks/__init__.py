"""What the product costs, measured against the barest program that could do the same."""
