"""The models of the gates: in force, trained, challenged, rolled back, and decisions made again from them.

Architectures and training itself stand in `inference`; a part is judged in `pipeline`.
"""
