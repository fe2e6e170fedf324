"""Worker processes: which jobs go together, and how the process of the service has others run them.

What a job does is not here, nor when it is due: the scheduler of the service decides for all processes.
"""
