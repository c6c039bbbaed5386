"""Text that other systems read: SQL names, literals and tokens, and digests. It knows none of the nouns."""
