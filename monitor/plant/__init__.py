"""The plant file as typed values.

Reading and checking the file is the room `file`; nothing here opens a file or a connection.
"""
