"""The content of the notebooks."""
