"""The running process: a workspace, its routes, the loopback server."""
