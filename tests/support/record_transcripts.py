"""Run the commands of a page in a fresh clone and write what they print into the page.

    make readme                                        README.md, about six minutes
    make transcript PAGE=docs/playbook.md SECTION=5    one numbered section of a page; all of them without SECTION

Without the Databricks CLI the blocks that need it stay as they are; with `--light` the heavy blocks do.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.reader import ROOT, Reader, can_run
from support.transcripts import Walk, rewritten, walks

BUNDLE = "bundle.md"
"""The page whose reader deploys the bundle."""


def outputs_of(walk: Walk, *, light: bool) -> dict[int, list[str]]:
    """Return what each step of a walk prints, by the line of its block."""
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder), seconds=1200, whole=walk.page == BUNDLE)
        reader.arrive()
        found: dict[int, list[str]] = {}
        try:
            for block in walk.blocks:
                if can_run(block) and not (light and "heavy" in block.tags):
                    print(f"{block.page}:{block.line}", file=sys.stderr)
                    found[block.line] = [reader.run(step) for step in block.steps]
        finally:
            reader.leave()
        return found


def main(words: list[str]) -> None:
    """Run the walks of a page and rewrite it; the words are a page, `--section N` and `--light`."""
    light, words = "--light" in words, [word for word in words if word != "--light"]
    section = int(words[words.index("--section") + 1]) if "--section" in words else 0
    page = ROOT / (words[0] if words and not words[0].startswith("--") else "README.md")
    chosen = [walk for walk in walks(page) if section in (0, walk.section)]
    if not chosen:
        sys.exit(f"{page}: no section §{section} with commands")
    outputs: dict[int, list[str]] = {}
    for walk in chosen:
        outputs = outputs_of(walk, light=light) | outputs
    page.write_text(rewritten(page, outputs), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
