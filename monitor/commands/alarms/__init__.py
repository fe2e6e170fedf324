"""The commands about alerts, what people do about them, and the record of it; `monitor.cli` finds them by being there.

Other commands are beside this folder.
"""
