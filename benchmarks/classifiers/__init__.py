"""What the classification benchmark measures beside Lampkeeper, and how it counts."""
