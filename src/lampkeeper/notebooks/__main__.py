"""`python -m lampkeeper.notebooks NOTEBOOK.ipynb name=value …` runs a notebook as a program."""

from __future__ import annotations

import sys

from lampkeeper.notebooks.program import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
