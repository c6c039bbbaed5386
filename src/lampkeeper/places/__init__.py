"""Where to run: the local workspace, one that exists, the bundle's jobs."""
