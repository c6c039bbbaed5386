"""Decide: pure functions from labels to desired state. No clock, randomness, environment, files or sockets."""
