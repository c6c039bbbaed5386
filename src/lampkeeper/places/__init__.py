"""Where to run: the local workspace, an existing workspace, the bundle's jobs."""
