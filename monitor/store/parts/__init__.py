"""Parts as people look for them: lists of decisions, the holds that wait, the parts before and after one.

Every query reads by an index and a bounded number of rows. What a row means to people is said in `monitor.reports`.
"""
