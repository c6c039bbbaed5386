"""The reader of variables files that people write (`env.auto.tfvars`, `auth.auto.tfvars`), through python-hcl2's tree.

The tree gives the structure and the locations. Strings are read from the file at their location, because python-hcl2 does not
resolve escapes. Constructs that its grammar (8.1) reads differently from Terraform are replaced before, character by character,
so that every location stays: strings with `$${` but without `}` (it reads past the closing quote), heredocs with blanks after
their end word, comments within `name = value`, names that are not ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from lampkeeper.files.hcl_reader import read_hcl
from lampkeeper.files.hcl_text import IDENTIFIER, LITERAL_FIX, HclCursor, HclDocument, Key, Value
from lampkeeper.model.errors import UsageError

Node = Any
"""A branch (`lark.Tree`) or a leaf (`lark.Token`) of python-hcl2's tree; neither has type annotations."""

_COVERED = re.compile(
    r"""  "(?:[^"\\\n]|\\.)*"
        | <<-?(?P<word>[^\W\d][\w-]*)[ \t]*\r?\n (?:[^\n]*\n)*? [ \t]*(?P=word)[ \t]*(?=\r?$)
        | \#[^\n]* | //[^\n]* | /\*(?:.|\n)*?\*/
        | [^\x00-\x7f]+""",
    re.VERBOSE | re.MULTILINE,
)
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None}


def read_variables(text: str, path: str, *, secret: bool = False) -> HclDocument:
    """Read a variables file; raise UsageError with file, line and column of the first error.

    Errors about a `secret` text never quote it.
    """
    parse, unexpected = _parser()
    tree = _Tree(text, path, secret)
    try:
        start = parse(_COVERED.sub(_cover, text))
    except unexpected as error:
        # The other reader gives better errors: where a bracket was opened, how a line should end.
        read_hcl(text, path, secret=secret)
        found = getattr(error, "pos_in_stream", None)
        tree.at = len(text) if found is None else min(found, len(text))
        raise tree.error(f"expected a variable, found {tree.shown()}", fix=LITERAL_FIX) from None
    (body,) = start.children
    return tree.document(tree.body(body))


@cache
def _parser() -> tuple[Any, type[Exception]]:
    """Return python-hcl2's parser and its error. Loading takes a quarter of a second, and only some commands read HCL."""
    import hcl2
    from lark.exceptions import UnexpectedInput

    return hcl2.parses_to_tree, UnexpectedInput


def _cover(found: re.Match[str]) -> str:
    text = found.group()
    if text[0] in '"<':
        return f'"{"x" * (len(text) - 2)}"'
    if text[0] in "#/":
        return " " * len(text)
    return (" " if found.start() == 0 and text[0] == "\ufeff" else "x") + "x" * (len(text) - 1)


class _Tree(HclCursor):
    def body(self, body: Node) -> dict[str, Value]:
        values: dict[str, Value] = {}
        new_line = True
        for child in body.children:
            if child.data == "new_line_or_comment":
                new_line = True
                continue
            self.at = child.meta.start_pos
            if not new_line:
                raise self.error(f"expected the end of the line, found {self.shown()}", fix="write one `name = value` per line")
            new_line = False
            head, second, *rest = child.children
            name = self._name(head, "expected a name, found {}", "write name = value")
            if child.data == "block":
                self.at = _start(second)
                raise self.error(f"{name!r} opens a block", fix=f"write {name} = {{ ... }}")
            self.refuse_second(values, (), name, head.meta.start_pos)
            values[name] = self._value(rest[0], (name,))
        return values

    def _value(self, node: Node, key: Key) -> Value:
        self.at = node.meta.start_pos
        self.enter(key)
        term = node.children[0] if node.data == "expr_term" and len(node.children) == 1 else node
        if term.data == "string":
            return self._whole(self.quoted() if self.peek() == '"' else self.heredoc(), term)
        if term.data in ("int_lit", "float_lit", "unary_op"):
            return self._whole(self.number(), term)
        if term.data == "literal_value":
            return _WORDS[str(term.children[0])]
        if term.data == "tuple":
            return [self._value(one, (*key, at)) for at, one in enumerate(_branches(term))]
        if term.data == "object":
            return self._map(term, key)
        raise self._no_value(term)

    def _map(self, node: Node, key: Key) -> dict[str, Value]:
        values: dict[str, Value] = {}
        apart = True
        for child in node.children[1:-1]:
            self.at = _start(child)
            if getattr(child, "data", "") == "new_line_or_comment":
                apart = True
            elif getattr(child, "data", "") != "object_elem":
                if apart:
                    raise self._no_key()
                apart = True
            else:
                if not apart:
                    raise self.error(f"expected a comma, a new line or }}, found {self.shown()}")
                apart = False
                head, _, value = child.children
                name = self._key(head)
                self.refuse_second(values, key, name, head.meta.start_pos)
                values[name] = self._value(value, (*key, name))
        return values

    def _key(self, node: Node) -> str:
        self.at = node.meta.start_pos
        if self.peek() != '"':
            return self._name(node, "expected a key, found {}", 'write key = value, or "any key" = value')
        name = self.quoted()
        if self.at != node.meta.end_pos:
            raise self.error(f"expected '=' after {name!r}, found {self.shown()}")
        return name

    def _name(self, node: Node, problem: str, fix: str) -> str:
        self.at = node.meta.start_pos
        name = self.text[self.at : node.meta.end_pos]
        if not IDENTIFIER.fullmatch(name):
            raise self.error(problem.format(self.shown()), fix=fix)
        return name

    def _no_key(self) -> UsageError:
        return self.error(f"expected a key, found {self.shown()}", fix='write key = value, or "any key" = value')

    def _no_value(self, node: Node) -> UsageError:
        self.at = node.meta.start_pos
        return self.error(f"expected a value, found {self.shown()}", fix=LITERAL_FIX)

    def _whole(self, value: Value, node: Node) -> Value:
        """Return the value read from a node; raise UsageError unless the whole node was read."""
        if value is None or self.at != node.meta.end_pos:
            raise self._no_value(node)
        return value


def _branches(node: Node) -> Iterator[Node]:
    """Yield the expressions of a list."""
    return (one for one in node.children if getattr(one, "data", "new_line_or_comment") != "new_line_or_comment")


def _start(node: Node) -> int:
    """Return the offset at which a branch or a leaf starts."""
    where: Any = node.meta if hasattr(node, "meta") else node
    return int(where.start_pos)
