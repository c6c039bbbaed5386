"""Help, messages, docstrings, comments and pages are plain English: no sentence has a pattern that support.prose finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.prose import PATTERNS, Flagged, flagged, in_module, in_page

ROOT = Path(__file__).parents[2]
GENERATED = {"commands.md", "ledger.md", "served.md"}

FAILING: dict[str, list[str]] = {
    "clause-as-subject": [
        "What a warehouse needs is listed below.",
        "Who reads the volume may copy it.",
        "The steps: What a job returns goes to the log.",
        "Whoever owns the schema must agree.",
        "What the parser skips counts as a finding.",
    ],
    "personified": [
        "The rules say which columns are masked.",
        "The page tells how to sign in.",
        "The platform knows the caller.",
        "The catalog says nothing of owners.",
        "The report speaks of three tables.",
    ],
    "distributive": [
        "It sends one query a schema.",
        "There is a mask a column.",
        "It writes two lines a table.",
        "It keeps a folder and a file a group.",
        "It asks for 50 rows a table.",
    ],
    "is-no": [
        "The value is no date.",
        "The owner is no admin.",
        "These are no groups of the account.",
        "The answer was no JSON.",
        "A view can be no target.",
    ],
    "archaic": [
        "It waits so long that the lease ends.",
        "Hence the second call.",
        "The token is made anew.",
        "The schema and the tables therein are read.",
        "It retries, for it may be a short outage.",
    ],
    "folk-verb": [
        "The run goes on where it stopped.",
        "Apply makes them again.",
        "Destroy takes it away.",
        "The grant is taken away at the end.",
        "The lease comes to its end.",
    ],
    "telling": [
        "The runner is told how many rows there are.",
        "Two objects are told apart by their ids.",
        "The caller was told the name of the volume.",
        "The verification goes on after a mismatch.",
        "A cancelled query may go on for a minute.",
    ],
    "pronoun": [
        "A tag of ours stays.",
        "The objects are theirs.",
        "It hides everybody's rows.",
        "Whoever asks gets a refusal.",
        "It keeps the mask, whatever happens.",
    ],
}
PASSING: dict[str, list[str]] = {
    "clause-as-subject": [
        "The requirements of a warehouse are listed below.",
        "Readers of the volume may copy it.",
        "What does a job return?",
        "The owner of the schema must agree.",
        "A statement that the parser skips is a finding.",
    ],
    "personified": [
        "The rules define which columns are masked.",
        "The page describes how to sign in.",
        "The platform identifies the caller by its token.",
        "The catalog does not record owners.",
        "The report lists three tables.",
    ],
    "distributive": [
        "It sends one query per schema.",
        "There is one mask for each column.",
        "It writes two lines per table.",
        "It keeps a folder and one file per group.",
        "It reads at most 50 rows from each table.",
    ],
    "is-no": [
        "The value is not a date.",
        "The owner is not an admin.",
        "The workspace is no longer available.",
        "The answer was not JSON.",
        "A view cannot be a target.",
    ],
    "archaic": [
        "It waits until the lease ends.",
        "Therefore a second call follows.",
        "The token is created again.",
        "The schema and its tables are read.",
        "It retries because the outage may be short.",
    ],
    "folk-verb": [
        "The run resumes.",
        "Apply recreates them.",
        "Destroy removes the object.",
        "The grant is revoked at the end.",
        "The lease expires.",
    ],
    "telling": [
        "The response contains the number of rows.",
        "Their ids distinguish the two objects.",
        "The caller got the name of the volume.",
        "The verification continues after a mismatch.",
        "A cancelled query may run for another minute.",
    ],
    "pronoun": [
        "A tag that lampkeeper assigned stays.",
        "The objects belong to another environment.",
        "It hides the rows of every principal.",
        "A caller without the privilege gets a refusal.",
        "It keeps the mask in each of these cases.",
    ],
}


def test_each_pattern_has_five_sentences_of_either_kind() -> None:
    for table in (FAILING, PASSING):
        assert {name: len(set(sentences)) for name, sentences in table.items()} == dict.fromkeys(PATTERNS, 5)


@pytest.mark.parametrize(("pattern", "sentence"), [(p, s) for p, sentences in FAILING.items() for s in sentences])
def test_a_failing_sentence_is_flagged(pattern: str, sentence: str) -> None:
    assert pattern in {name for name, _ in flagged(sentence)}


@pytest.mark.parametrize(("pattern", "sentence"), [(p, s) for p, sentences in PASSING.items() for s in sentences])
def test_a_passing_sentence_is_not_flagged(pattern: str, sentence: str) -> None:
    assert list(flagged(sentence)) == []


def pages() -> list[Flagged]:
    files = [
        p for folder in ("docs", "src", "envs", "examples", "benchmarks", "terraform") for p in (ROOT / folder).rglob("*.md")
    ]
    files += ROOT.glob("*.md")
    return [one for path in sorted(files) if path.name not in GENERATED for one in in_page(path, ROOT)]


def modules() -> list[Flagged]:
    return [one for path in sorted((ROOT / "src").rglob("*.py")) for one in in_module(path, ROOT)]


@pytest.mark.parametrize("found", [pages, modules], ids=["pages", "modules"])
def test_no_sentence_is_flagged(found: Callable[[], list[Flagged]]) -> None:
    shown = "\n".join(map(str, found()))
    assert not shown, f"rewrite these sentences in plain English:\n{shown}"
