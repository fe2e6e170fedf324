"""What a part's passport and the lists of parts say: decisions in words, inputs with units, neighbours, holds.

Values are JSON. No page is composed here, and no SQL stands here.
"""
