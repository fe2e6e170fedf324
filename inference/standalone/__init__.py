"""Models for anybody's data, outside any plant: tables and folders of images in, a package and JSON lines out.

Nothing here knows of a plant file, a store or a registry.
"""
