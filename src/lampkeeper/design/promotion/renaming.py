"""Renames catalogs in names, SQL and prose, all in one pass, so that swaps and chains of names are well defined.

Only a whole name in the place of a catalog is renamed. In SQL, the lexer finds it: the head of a dotted name, or the name after
CATALOG. A string is data, unless it is compared with a column of catalogs, or is itself a full name or a path below /Volumes.
In prose, a name is renamed in back-ticks, as the head of a full name, beside the word `catalog`, or if it cannot be an English
word because it has another character than letters. Every other occurrence stays and is listed in `left`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lampkeeper.design.promotion.catalog_map import CatalogMap
from lampkeeper.design.promotion.sql_places import catalog_tokens
from lampkeeper.model.errors import UsageError
from lampkeeper.model.names import quoted_part, split_name, write_name
from lampkeeper.text.sql_lexer import SqlToken, TokenKind, scan_sql
from lampkeeper.text.sql_quoting import quote_identifier, quote_string

Schemas = frozenset[tuple[str, str]]
"""Known schemas as casefolded (catalog, schema)."""

_FENCE = re.compile(r"```[^\n]*\n(.*?)```", re.DOTALL)
_PART = re.compile(r"[A-Za-z_][\w-]*|\*")
_CATALOG_BEFORE = re.compile(r"(?:catalogue|catalog)(?:s|_name)?\s*(?:=|==|:|named|called|in\s*\()?\s*['\"`(]*$", re.IGNORECASE)
_CATALOG_AFTER = re.compile(r"['\"`]?\s+(?:catalogue|catalog)\b", re.IGNORECASE)
_VOLUME_BEFORE = re.compile(r"/Volumes/$", re.IGNORECASE)
_EXCERPT = 30


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class NameLeft:
    """An occurrence of a source catalog that was not renamed: where, the name, the text around it; whether it is a plain word."""

    place: str
    name: str
    around: str
    word: bool = False


@dataclass(slots=True)
class CatalogRenaming:
    """A map of catalogs, the known schemas, and the occurrences that were left so far."""

    catalogs: CatalogMap
    schemas: Schemas = frozenset()
    left: list[NameLeft] = field(default_factory=list)
    _pattern: re.Pattern[str] = field(init=False)
    _forms: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the search for whole names."""
        # In back-ticks, a back-tick of a name is doubled.
        self._forms = {form: n for n in self.catalogs.destinations for form in (n, quote_identifier(n)[1:-1])}
        choice = "|".join(re.escape(f) for f in sorted(self._forms, key=lambda f: (-len(f), f))) or r"(?!)"
        self._pattern = re.compile(rf"(?<![\w-])(?:{choice})(?![\w-])", re.IGNORECASE)

    def name(self, catalog: str) -> str:
        """Return a catalog's name at the destination; one that differs only by case stays as it is spelled."""
        new = self.catalogs.of(catalog)
        return catalog if new.casefold() == catalog.casefold() else new

    def parts(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """Return a name in parts, whose first is a catalog, at the destination."""
        return (self.name(parts[0]), *parts[1:]) if parts else parts

    def dotted(self, text: str, place: str) -> str:
        """Return a dotted name, quoted or as in the REST API, at the destination, in the style in which it is written."""
        if text.startswith("`"):
            try:
                head, after = quoted_part(text, 0)
            except UsageError:
                return self.kept(text, place)
            known = head.casefold() in self.catalogs.destinations
            return quote_identifier(self.name(head)) + text[after:] if known else text
        head, dot, rest = text.partition(".")
        if head.casefold() not in self.catalogs.destinations:
            return self.kept(text, place)
        return self.name(head) + dot + rest

    def pattern(self, text: str) -> str:
        """Return a table pattern of the settings at the destination, with back-ticks only where needed."""
        star = text.endswith(".*")
        written = write_name(*self.parts(split_name(text.removesuffix(".*") if star else text)))
        return f"{written}.*" if star else written

    def kept(self, text: str, place: str) -> str:
        """Return a text that never names a catalog, such as a group; list what looks like one."""
        self._list(text, place, ())
        return text

    def prose(self, text: str, place: str) -> str:
        """Return prose with code in it; text in code fences is SQL."""
        done: list[str] = []
        at = 0
        for fence in _FENCE.finditer(text):
            done += [self._prose(text[at : fence.start(1)], place), self.sql(fence.group(1), place)]
            at = fence.end(1)
        return "".join([*done, self._prose(text[at:], place)])

    def sql(self, text: str, place: str, aliases: Iterable[str] = ()) -> str:
        """Return SQL at the destination; SQL that cannot be read is treated as prose."""
        if self._pattern.search(text) is None:
            return text
        scan = scan_sql(text)
        if scan.error is not None:
            return self._prose(text, place)
        covered: list[slice] = []
        own = frozenset(a.casefold() for a in aliases if a)
        named = catalog_tokens(scan.tokens, self.catalogs.destinations, self.schemas, own)
        changes = [(slice(t.start, t.end), self._written(t)) for t in named]
        for token in scan.tokens:
            if token.kind is TokenKind.COMMENT:
                covered.append(slice(token.start, token.end))
                new = self._prose(token.text, place)
                if new != token.text:
                    changes.append((covered[-1], new))
        self._list(text, place, (*(s for s, _ in changes), *covered))
        return _replaced(text, changes)

    def _written(self, token: SqlToken) -> str:
        if token.kind is TokenKind.NAME:
            return quote_identifier(self.name(token.value))
        if token.kind is TokenKind.WORD:
            return write_name(self.name(token.text))
        return self._literal(token)

    def _literal(self, token: SqlToken) -> str:
        value = token.value
        volume = re.match(r"(?:dbfs:)?/Volumes/([^/]+)", value, re.IGNORECASE)
        if volume is not None:
            new = value[: volume.start(1)] + self.name(volume.group(1)) + value[volume.end(1) :]
        else:
            new = self.dotted(value, "")
        plain = token.text[1:-1] == value and not re.search(r"['\"\\]|\$\{", new)
        return token.text[0] + new + token.text[-1] if plain else quote_string(new)

    def _prose(self, text: str, place: str) -> str:
        changes = [
            (slice(found.start(), found.end()), self._written_in_prose(text, found))
            for found in self._pattern.finditer(text)
            if not self._stays(found) and self._is_catalog(text, found)
        ]
        self._list(text, place, [s for s, _ in changes])
        return _replaced(text, changes)

    def _is_catalog(self, text: str, found: re.Match[str]) -> bool:
        """Return whether an occurrence in prose stands for the catalog."""
        before, after = text[max(0, found.start() - _EXCERPT) : found.start()], text[found.end() :]
        if before[-1:] in (".", "@", "$") or before[-2:] == ".`":
            return False
        if before[-1:] == "/":
            return _VOLUME_BEFORE.search(before) is not None
        beside = bool(_CATALOG_BEFORE.search(before) or _CATALOG_AFTER.match(after))
        odd = re.search(r"[^A-Za-z]", found.group()) is not None
        names = _parts_after(after[1:] if after[:1] == before[-1:] == "`" else after)
        if names:
            known = (self._named(found).casefold(), names[0]) in self.schemas or names[0] == "*"
            return known or (len(names) >= 2 and (odd or beside))
        if before[-1:] in ("'", '"') and after[:1] == before[-1:]:
            return beside
        return beside or odd or (before[-1:] == "`" and after[:1] == "`")

    def _named(self, found: re.Match[str]) -> str:
        """Return the catalog that an occurrence spells."""
        return self._forms.get(found.group().casefold(), found.group())

    def _stays(self, found: re.Match[str]) -> bool:
        """Return whether the catalog has the same name at the destination."""
        return self.name(self._named(found)).casefold() == self._named(found).casefold()

    def _written_in_prose(self, text: str, found: re.Match[str]) -> str:
        new = self.name(self._named(found))
        if text[found.start() - 1 : found.start()] == "`" and text[found.end() : found.end() + 1] == "`":
            return quote_identifier(new)[1:-1]
        return write_name(new) if _parts_after(text[found.end() :]) and write_name(found.group()) == found.group() else new

    def _list(self, text: str, place: str, done: Iterable[slice]) -> None:
        """List the occurrences outside the ranges that are done."""
        ranges = list(done)
        for found in self._pattern.finditer(text):
            if self._stays(found):
                continue
            if any(r.start <= found.start() and found.end() <= r.stop for r in ranges):
                continue
            around = text[max(0, found.start() - _EXCERPT) : found.end() + _EXCERPT]
            alone = text[found.start() - 1 : found.start()] not in ("'", '"', "@", ".", "/")
            word = alone and found.group().isalpha()
            self.left.append(NameLeft(place=place, name=found.group(), around=" ".join(around.split()), word=word))


def _parts_after(text: str) -> list[str]:
    """Return the casefolded parts of a dotted name that follow its first part."""
    found: list[str] = []
    at = 0
    while text.startswith(".", at):
        if text.startswith("`", at + 1):
            try:
                part, at = quoted_part(text, at + 1)
            except UsageError:
                break
        else:
            word = _PART.match(text, at + 1)
            if word is None:
                break
            part, at = word.group(), word.end()
        found.append(part.casefold())
    return found


def _replaced(text: str, changes: Iterable[tuple[slice, str]]) -> str:
    return "".join(_pieces(text, sorted(changes, key=lambda c: c[0].start)))


def _pieces(text: str, changes: Iterable[tuple[slice, str]]) -> Iterator[str]:
    at = 0
    for span, new in changes:
        yield text[at : span.start]
        yield new
        at = span.stop
    yield text[at:]
