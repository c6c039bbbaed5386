"""From labels to groups, tags, masks and policies."""
