"""Pictures as numbers: the frozen backbone, what its maps say of a picture, and the judge of those numbers.

No kind of model, package or gate is known here; nothing here learns weights of the backbone.
"""
