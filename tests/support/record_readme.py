"""Run the README's commands in a fresh clone and write what they print into the page: make readme.

Without the Databricks CLI the blocks that need it stay as they are; with `--light` the heavy blocks do. All of them take
about six minutes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.reader import ROOT, Reader, can_run
from support.transcripts import blocks, rewritten

PAGE = ROOT / "README.md"


def main(light: bool) -> None:
    """Run the blocks and rewrite the page."""
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder), seconds=1200)
        reader.arrive()
        outputs: list[list[str]] = []
        try:
            for block in blocks(PAGE):
                if can_run(block) and not (light and "heavy" in block.tags):
                    print(f"README.md:{block.line}", file=sys.stderr)
                    outputs.append([reader.run(step) for step in block.steps])
                else:
                    outputs.append(["\n".join(step.printed) for step in block.steps])
        finally:
            reader.leave()
    PAGE.write_text(rewritten(PAGE, outputs), encoding="utf-8")


if __name__ == "__main__":
    main(light="--light" in sys.argv)
