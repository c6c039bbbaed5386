"""The nouns: frozen, ordered, printable values that every other room shares."""
