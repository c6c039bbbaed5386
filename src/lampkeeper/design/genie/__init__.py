"""Genie spaces: content, and what a model may write of it."""
