"""Scenarios: declarative files with the commands that a user types and what must hold after them, and their runner."""
