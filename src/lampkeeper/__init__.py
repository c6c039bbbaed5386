"""lampkeeper."""
