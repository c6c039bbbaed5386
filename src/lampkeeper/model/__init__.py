"""The types that all other packages share: frozen, ordered, printable values."""
