"""What all families of metrics use: the declaration of a metric, labels, and the snapshot that values are read from.

No metric is declared here.
"""
