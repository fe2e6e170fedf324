"""Sources, store, pipeline, jobs, server and command line: everything with an effect, around the pure parts."""
