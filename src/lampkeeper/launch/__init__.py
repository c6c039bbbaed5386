"""Places to run (`up() -> address`, `down()`), test data and scenarios."""
