"""Fixes the syntax of drafts that people or models wrote, and lists every change.

Only the form is changed: commas, brackets, quotes, fences, placeholders. A value is never invented; if the text ends too
early, the last incomplete entry is removed and reported as an error.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from lampkeeper.design.drafts.draft_answer import SECTION_KEYS, DraftFix, split_answer
from lampkeeper.model.findings import Finding, Severity, sort_findings

_LISTS = frozenset({"benchmarks", "sql_filters", "sql_expressions", "sql_measures", "join_specs", "sample_questions"})
_MAX_ROUNDS = 20
_MAX_DEPTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedText:
    """A text after a fix, its changes, and the problems that could not be fixed."""

    text: str
    changes: tuple[DraftFix, ...]
    findings: tuple[Finding, ...] = ()


def fix_hcl_syntax(text: str) -> FixedText:
    """Return the text with its form fixed; the fix of a fixed text is the text itself.

    Fixed: fences and prose, missing or stray commas, brackets that are missing or too many, `--` comments, single and curly
    quotes, bare words, unknown escapes, `...`, values written as `{ name = "v" }`, variables in place of lists of a Genie
    space, truncation.
    """
    answer = split_answer(text)
    text, changes, findings = answer.hcl, list(answer.changes), []
    for _ in range(_MAX_ROUNDS):
        mender = _Mender(text)
        mender.walk()
        if not mender.edits:
            break
        changes += mender.changes()
        findings += mender.findings
        text = mender.result()
    return FixedText(text=text, changes=tuple(changes), findings=sort_findings(findings))


_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\ufeff]+)
    |(?P<newline>\n)
    |(?P<comment>\#[^\n]*|//[^\n]*|/\*.*?\*/)
    |(?P<dashes>--[^\n]*)
    |(?P<heredoc><<-?(?P<word>[^\W\d][\w-]*)[ \t]*\r?\n.*?^[ \t]*(?P=word)[ \t]*\r?$)
    |(?P<string>"(?:[^"\\\n]|\\[^\n])*")
    |(?P<single>'(?:[^'\\\n]|\\[^\n])*')
    |(?P<curly>[“”„][^“”„"\n]*[“”])
    |(?P<dots>\.\.\.+|…)
    |(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<name>[^\W\d][\w.-]*)
    |(?P<open>/\*.*|<<-?[^\W\d][\w-]*[ \t]*\r?\n.*|"[^\n]*|'[^\n]*)
    |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_BAD_ESCAPE = re.compile(r"\\(?:([nrt\"\\])|(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|(.))", re.DOTALL)
_VALUES = frozenset({"heredoc", "string", "single", "curly", "number", "name", "open"})
_WORDS = frozenset({"true", "false", "null"})
_REFERENCE = re.compile(r"(?:var|local|data|module|each|path|self)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    text: str
    start: int
    after_newline: bool

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edit:
    start: int
    end: int
    text: str
    what: str


class _Mender:
    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = (0, *(m.end() for m in re.finditer("\n", text)))
        self.edits: list[_Edit] = []
        self.findings: list[Finding] = []
        self._tokens = list(self._significant())
        self._index = 0
        self._stack: list[str] = []
        self._whole = 0
        """The end of the last complete entry directly inside the current section."""

    def walk(self) -> None:
        while (token := self._peek()) is not None:
            following = self._peek(1)
            if token.kind in ("name", "string") and following is not None and following.text in ("=", ":"):
                self._index += 2
                if following.text == ":":
                    self._edit(following.start, following.end, " =", "`:` written as `=`")
                self._whole = following.end
                if self._section(token):
                    return
            elif token.text in ("]", "}", ","):
                self._drop(token, f"stray `{token.text}` left out")
            elif token.kind == "dots":
                self._drop_dots(token)
            else:
                self._index += 1

    def _section(self, name: _Token) -> bool:
        """Read a section's value; return whether the text ended inside it."""
        begin = self._index
        done = self._value(name.text, depth=0)
        if done:
            if (token := self._peek()) is not None and token.text == ",":
                self._drop(token, "comma after a section left out")
            return False
        opener = self._tokens[begin].text if begin < len(self._tokens) else ""
        close = {"[": "]", "{": "}"}.get(opener, "")
        cut = self._whole if close else name.start
        if close and cut < self._tokens[begin].end:
            cut = self._tokens[begin].end
        self.edits = [e for e in self.edits if e.end <= cut]
        line = self._line(cut)
        tail = f"\n{close}\n" if close else ""
        self._edit(cut, len(self._text), tail, f"the text ends inside {name.text!r}; the incomplete entry is left out")
        message = f"the draft ends in the middle of {name.text!r}: the text after line {line} is missing"
        self.findings.append(
            Finding(
                code="LK701", severity=Severity.ERROR, location=f"line {line}", message=message,
                fix="ask for the rest, or write it, before you use the draft",
            )
        )  # fmt: skip
        return True

    def _value(self, key: str, depth: int) -> bool:
        """Read one value; return False when the text ends inside it."""
        token = self._peek()
        if token is None:
            return False
        if depth > _MAX_DEPTH:
            self._index += 1
            return True
        if token.text == "[":
            return self._list(key, depth)
        if token.text == "{":
            return self._map(depth)
        if token.kind == "open" and not self._text[token.end :].strip():
            return False
        if token.kind in _VALUES:
            self._index += 1
            variable = token.text.startswith('"${') or (token.kind == "name" and token.text.startswith("var."))
            if variable and key in _LISTS:
                self._edit(token.start, token.end, "[]", f"variable of {key!r} written as an empty list")
            elif self._is_bare_word(token):
                self._edit(token.start, token.end, f'"{token.text}"', "bare word put in quotes")
        elif token.text not in ("]", "}", ","):
            self._index += 1
        return True

    def _is_bare_word(self, token: _Token) -> bool:
        following = self._peek()
        call = following is not None and following.text == "(" and following.start == token.end
        return token.kind == "name" and token.text not in _WORDS and not call and not _REFERENCE.match(token.text)

    def _list(self, key: str, depth: int) -> bool:
        self._stack.append("]")
        first = self._tokens[self._index]
        self._index += 1
        last, wants = first, True
        while True:
            token = self._peek()
            if token is None:
                return False
            if self._leaves(token, "]"):
                break
            if token.text == ",":
                if wants:
                    self._drop(token, "stray comma left out")
                else:
                    wants = True
                    self._index += 1
            elif token.kind == "dots":
                self._drop_dots(token)
            elif token.kind in _VALUES or token.text in ("[", "{"):
                if not wants:
                    self._edit(last.end, last.end, ",", "missing comma added")
                begin = self._index
                if not self._value("", depth + 1):
                    return False
                self._plain_value(key, begin)
                last, wants = self._tokens[self._index - 1], False
                if depth == 0:
                    self._whole = last.end
            else:
                self._pass(token)
        self._stack.pop()
        return True

    def _plain_value(self, key: str, begin: int) -> None:
        """Write `{ name = "v" }` in a list of tag values as the value alone."""
        item = self._tokens[begin : self._index]
        if key == "values" and len(item) == 5 and item[1].text in ("name", "value") and item[3].kind == "string":
            self._edit(item[0].start, item[-1].end, item[3].text, "tag value in a map written as text")

    def _map(self, depth: int) -> bool:
        self._stack.append("}")
        self._index += 1
        last: _Token | None = None
        parted = True
        while True:
            token = self._peek()
            if token is None:
                return False
            if self._leaves(token, "}"):
                break
            following = self._peek(1)
            if token.text == ",":
                if parted or token.after_newline:
                    self._drop(token, "stray comma left out")
                else:
                    parted = True
                    self._index += 1
            elif token.kind == "dots":
                self._drop_dots(token)
            elif token.kind in ("name", "string", "single", "curly") and following is not None and following.text in ("=", ":"):
                if last is not None and not parted and not token.after_newline:
                    self._edit(last.end, last.end, ",", "missing comma added")
                self._index += 2
                if not self._value(token.text.strip("\"'"), depth + 1):
                    return False
                last, parted = self._tokens[self._index - 1], False
                if depth == 0:
                    self._whole = last.end
            elif following is None and token.kind in _VALUES:
                return False
            else:
                self._pass(token)
        self._stack.pop()
        return True

    def _leaves(self, token: _Token, close: str) -> bool:
        """Return whether the bracket ends here: by its closing bracket, or because the next tokens show that it is missing."""
        if token.text == close:
            self._index += 1
            return True
        following = self._peek(1)
        section = token.kind == "name" and token.text in SECTION_KEYS and following is not None and following.text == "="
        at_margin = token.start in self._lines
        if (section and at_margin) or (token.text in ("]", "}") and token.text in self._stack[:-1]):
            before = self._tokens[self._index - 1]
            self._edit(before.end, before.end, close, f"missing `{close}` added")
            return True
        return False

    def _significant(self) -> Iterator[_Token]:
        """Yield the tokens except blanks and comments, and fix errors within a token."""
        after_newline = True
        for found in _TOKEN.finditer(self._text):
            kind = next(k for k, v in found.groupdict().items() if v is not None and k != "word")
            start, text = found.start(), found.group()
            if kind == "newline":
                after_newline = True
                continue
            if kind == "dashes":
                self._edit(start, start + 2, "#", "`--` comment written with #")
                continue
            if kind in ("blank", "comment"):
                continue
            if kind == "single":
                self._edit(start, found.end(), _double_quoted(text), "single quotes written as double quotes")
            elif kind == "curly":
                self._edit(start, found.end(), _double_quoted(text), "curly quotes written as double quotes")
            elif kind == "string":
                fixed = _BAD_ESCAPE.sub(lambda m: m.group() if m[1] or m[2] else f"\\\\{m[3]}", text)
                if fixed != text:
                    self._edit(start, found.end(), fixed, "backslash doubled: the escape is unknown")
            yield _Token(kind=kind, text=text, start=start, after_newline=after_newline)
            after_newline = kind == "heredoc"

    def _peek(self, ahead: int = 0) -> _Token | None:
        at = self._index + ahead
        return self._tokens[at] if at < len(self._tokens) else None

    def _drop_dots(self, token: _Token) -> None:
        self._drop(token, "`...` left out")
        line = self._line(token.start)
        self.findings.append(
            Finding(
                code="LK706", severity=Severity.WARNING, location=f"line {line}", fix="ask for it, or write it",
                message="the draft has an omission (`...`)",
            )
        )  # fmt: skip

    def _pass(self, token: _Token) -> None:
        """Remove an unmatched closing bracket; the reader handles all other tokens."""
        if token.text in ("]", "}"):
            self._drop(token, f"stray `{token.text}` left out")
        else:
            self._index += 1

    def _drop(self, token: _Token, what: str) -> None:
        self._edit(token.start, token.end, "", what)
        self._index += 1

    def _edit(self, start: int, end: int, text: str, what: str) -> None:
        self.edits.append(_Edit(start=start, end=end, text=text, what=what))

    def _line(self, offset: int) -> int:
        return bisect_right(self._lines, offset)

    def changes(self) -> list[DraftFix]:
        ordered = sorted(self.edits, key=lambda e: e.start)
        return [DraftFix(by="fix_hcl_syntax", location=f"line {self._line(e.start)}", what=e.what) for e in ordered]

    def result(self) -> str:
        """Return the text with the edits made; one inside another that replaces its whole range gives way."""
        parts, at = [], 0
        for edit in sorted(self.edits, key=lambda e: (e.start, -e.end)):
            if edit.start < at:
                continue
            parts += [self._text[at : edit.start], edit.text]
            at = edit.end
        return "".join([*parts, self._text[at:]])


def _double_quoted(text: str) -> str:
    inner = text[1:-1].replace("\\'", "'")
    inner = _BAD_ESCAPE.sub(lambda m: m.group() if m[1] or m[2] else f"\\\\{m[3]}", inner)
    return '"' + re.sub(r'(?<!\\)"', '\\"', inner) + '"'
