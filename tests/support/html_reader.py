"""Reads a page of HTML: its elements in order, whether its tags are balanced, and what in it would fetch or run something."""

from __future__ import annotations

from html.parser import HTMLParser


class Reader(HTMLParser):
    """Collects elements with their attributes' names, and attributes that fetch or run something; balances tags."""

    VOID = frozenset({"meta", "input", "br", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.structure: list[tuple[str, ...]] = []
        self.active: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.shown: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.structure.append((tag, *(name for name, _ in attrs)))
        self.active += [(tag, k) for k, _ in attrs if k in ("src", "href", "action", "srcdoc") or k.startswith("on")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.shown.append(data)


def read(page: str) -> Reader:
    """Return what a page holds; its tags must be balanced."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader
