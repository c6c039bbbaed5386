"""Who is who: memberships, tokens, federation."""
