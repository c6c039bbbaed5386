"""Use cases: what a command, a job, a notebook page and the demo call."""
