"""Proves by queries that the masking holds."""
