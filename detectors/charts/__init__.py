"""Control charts in plants: windows of steps and of gates by the rules of `detectors.spc`, limits from a reference.

The rules themselves, and charts of anybody's file, are not here: `detectors.spc`.
"""
