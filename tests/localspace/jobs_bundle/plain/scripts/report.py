"""Prints what it was given and what lies beside it."""

import sys

from words import count

print(f"{sys.argv[1:]} has {count(sys.argv[2])} word")
