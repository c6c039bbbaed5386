"""partnercert."""
