"""Plan, apply, verify and audit a desired state on a workspace."""
