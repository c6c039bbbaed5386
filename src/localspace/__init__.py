"""localspace."""
