"""A package with one entry point that works and one that fails."""

import sys
from importlib import resources


def main() -> None:
    """Print the arguments and a data file of the wheel."""
    print(sys.argv[1:], resources.files(__package__).joinpath("data.txt").read_text().strip())


def fail() -> None:
    """Fail, for a trace."""
    raise RuntimeError("the wheel fails on purpose")
