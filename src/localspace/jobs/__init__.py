"""Jobs of the local workspace: settings, the task graph, runs, and the processes that tasks run in."""
