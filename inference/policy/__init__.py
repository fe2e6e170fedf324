"""What to recommend for a part, from what is predicted of it: preconditions, regions of a specification, costs.

Pure. Nothing here reads a clock or a store, loads a model or knows how one predicts.
"""
