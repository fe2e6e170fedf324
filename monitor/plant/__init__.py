"""The plant file as typed values.

Must not open a file or a connection: reading and validating the file is done in `file`.
"""
