"""Building blocks of pages: escaped HTML, inline SVG, one stylesheet, wording of values.

No page is put together here.
"""
