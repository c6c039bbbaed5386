"""Reads and fixes drafts that people or models wrote."""
