"""Schema drift, and the delta that ends it."""
