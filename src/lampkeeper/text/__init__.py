"""SQL names, literals and tokens, and digests. Independent of the types in `model`."""
