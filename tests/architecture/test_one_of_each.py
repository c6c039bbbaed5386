"""One loop that tries again, one that looks again, one quoter, one literal, one lexer of SQL, one writer, one digest."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOM = Path(__file__).resolve().parents[2] / "src" / "lampkeeper"
LOOPS = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)
Nodes = Sequence[ast.AST]
"""What the rules look at of a module."""


def nodes_of(code: str) -> Nodes:
    """Return the nodes that the rules look at."""
    kinds = (ast.Call, ast.Import, ast.ImportFrom, ast.JoinedStr, ast.BinOp, ast.Constant, *LOOPS)
    return [node for node in ast.walk(ast.parse(code)) if isinstance(node, kinds)]


@cache
def modules() -> dict[str, Nodes]:
    """Return the nodes of every module of lampkeeper."""
    return {str(p.relative_to(ROOM)): nodes_of(p.read_text("utf-8")) for p in sorted(ROOM.rglob("*.py"))}


def calls(nodes: Nodes, *names: str) -> Iterator[ast.Call]:
    """Yield the calls of a method or function of one of these names."""
    for node in nodes:
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in names:
                yield node


def imports(nodes: Nodes) -> Iterator[str]:
    """Yield what is imported, names of modules and of what is in them."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{a.name}" for a in node.names)


def between(nodes: Nodes, mark: str) -> Iterator[ast.AST]:
    """Yield f-strings and sums that put a value between two of these marks."""
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            for left, value, right in zip(node.values, node.values[1:], node.values[2:], strict=False):
                if isinstance(value, ast.FormattedValue) and _ends(left, mark) and _begins(right, mark):
                    yield node
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and (_is(node.left, mark) or _is(node.right, mark)):
            yield node


def _is(node: ast.AST, mark: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == mark


def _ends(node: ast.AST, mark: str) -> bool:
    return isinstance(node, ast.Constant) and str(node.value).endswith(mark)


def _begins(node: ast.AST, mark: str) -> bool:
    return isinstance(node, ast.Constant) and str(node.value).startswith(mark)


def sleeps_in_a_loop(nodes: Nodes) -> bool:
    if not any(calls(nodes, "sleep")):
        return False
    return any(any(calls(list(ast.walk(node)), "sleep")) for node in nodes if isinstance(node, LOOPS))


def sleeps_on_the_machines_clock(nodes: Nodes) -> bool:
    return any(isinstance(c.func, ast.Attribute) and ast.unparse(c.func) == "time.sleep" for c in calls(nodes, "sleep")) or (
        "time.sleep" in imports(nodes)
    )


def tokenizes(nodes: Nodes) -> bool:
    """Return whether sqlglot's tokenizer is used; the tokenizer of words in names is another."""
    found = set(imports(nodes))
    return (
        "sqlglot.tokenize" in found
        or any(n.startswith("sqlglot.tokens") for n in found)
        or (any(n.startswith("sqlglot") for n in found) and any(calls(nodes, "tokenize", "tokenizer")))
    )


def scans_quotes_or_comments(nodes: Nodes) -> bool:
    """Return whether a pattern tells quotes or comments from code."""
    marks = ("--[^", "--.*", r"/\*", "[^']", r"[^'\\", "[^`]")
    return any(isinstance(n, ast.Constant) and isinstance(n.value, str) and any(m in n.value for m in marks) for n in nodes)


def unescapes_quotes(nodes: Nodes) -> bool:
    """Return whether quotes are doubled, undoubled or escaped by hand."""
    pairs = {("'", "''"), ("''", "'"), ("`", "``"), ("``", "`"), ("'", "\\'"), ("\\'", "'")}
    return any(tuple(getattr(a, "value", None) for a in c.args[:2]) in pairs for c in calls(nodes, "replace"))


def replaces_files(nodes: Nodes) -> bool:
    moves = {"os.replace", "os.rename", "shutil.move"}
    return any(ast.unparse(c.func) in moves for c in calls(nodes, "replace", "rename", "move")) or any(
        calls(nodes, "mkstemp", "NamedTemporaryFile")
    )


HCL = "HCL of drafts, with its mistakes"
RULES: dict[str, tuple[Callable[[Nodes], bool], dict[str, str]]] = {
    "a loop that sleeps": (sleeps_in_a_loop, {"remote/retry.py": "tries again", "remote/polling.py": "looks again"}),
    "the machine's sleep": (sleeps_on_the_machines_clock, {"remote/clock.py": "the clock that all are given"}),
    "hashlib": (
        lambda nodes: "hashlib" in {n.partition(".")[0] for n in imports(nodes)},
        {
            "text/digest.py": "the digest",
            "model/hash_key.py": "keys: HMAC, scrypt and the 32 bytes of a longer key",
            "testdata/deterministic_random.py": "a stream of random numbers",
        },
    ),
    "sqlglot's tokenizer": (tokenizes, {"text/sql_lexer.py": "the lexer"}),
    "a pattern for quotes or comments": (
        scans_quotes_or_comments,
        {
            "text/sql_lexer.py": "comments, of which sqlglot gives no place",
            "files/sql_statements.py": "what the scripts of seven clients hold besides SQL, blanked before the lexer reads them",
            "files/schema_sql.py": "signs by which a dialect is guessed",
            "files/settings.py": "patterns of tables, in which a star may stand",
            "files/hcl_tree.py": "HCL",
            "design/drafts/draft_entries.py": HCL,
            "design/drafts/draft_prose.py": HCL,
            "design/drafts/draft_text.py": HCL,
            "deploy/printed_plan.py": "words of a printed sentence",
        },
    ),
    "a name between back-ticks": (
        lambda nodes: any(between(nodes, "`")),
        {
            "text/sql_quoting.py": "the quoter",
            "deploy/roles.py": "a heading in Markdown",
            "design/drafts/draft_text.py": "a bracket in a message",
        },
    ),
    "a text between quotes": (lambda nodes: any(between(nodes, "'")), {"text/sql_quoting.py": "the literal"}),
    "an escape of quotes": (
        unescapes_quotes,
        {"text/sql_quoting.py": "the quoter", "design/drafts/draft_text.py": "single quotes of HCL become double ones"},
    ),
    "a file that takes another's place": (
        replaces_files,
        {"files/text.py": "the writer"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(RULES))
def test_there_is_one_of_each(what: str) -> None:
    found, places = RULES[what]
    assert sorted(name for name, nodes in modules().items() if found(nodes)) == sorted(places)


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("a loop that sleeps", "while True:\n    clock.sleep(1)"),
        ("a loop that sleeps", "for n in range(3):\n    try:\n        f()\n    except E:\n        self.clock.sleep(n)"),
        ("the machine's sleep", "import time\ntime.sleep(1)"),
        ("the machine's sleep", "from time import sleep"),
        ("hashlib", "from hashlib import sha256"),
        ("sqlglot's tokenizer", "from sqlglot import tokenize"),
        ("sqlglot's tokenizer", "import sqlglot\nsqlglot.Dialect.get_or_raise('x').tokenize(text)"),
        ("a pattern for quotes or comments", r"P = re.compile(r\"'(?:[^'\\]|\\.)*'\")".replace('\\"', '"')),
        ("a name between back-ticks", "f'SELECT `{name}`'"),
        ("a name between back-ticks", "'`' + name + '`'"),
        ("a text between quotes", '''f"x = '{value}'"'''),
        ("an escape of quotes", """name.replace("'", "''")"""),
        ("a file that takes another's place", "os.replace(a, b)"),
    ],
)
def test_a_second_one_is_seen(what: str, code: str) -> None:
    assert RULES[what][0](nodes_of(code))
