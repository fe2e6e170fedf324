"""Building blocks of pages: escaped HTML, inline SVG, one stylesheet, formatting of values.

No page is composed here.
"""
