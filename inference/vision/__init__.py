"""Pictures as numbers: the frozen backbone with its weights, what its maps say of a picture, and judges of those numbers.

No kind of model, package or gate is known here; nothing here learns weights of the backbone.
"""
