"""What several channels do to a message: shortening it to what a service takes.

Must not send anything; all functions are pure.
"""
