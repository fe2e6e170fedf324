"""The rows of the overview, one module each: a title and its panels, from left to right and top to bottom."""
