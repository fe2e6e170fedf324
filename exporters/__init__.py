"""What leaves the product: metrics, MES write-back, pages and reports.

Nothing here decides anything.
"""
