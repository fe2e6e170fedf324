"""The sentences of messages: a file for each language, what is filled into them, and a plant's own file.

Must not decide what is told, or to whom; a sentence that is not in a file is in no message.
"""
