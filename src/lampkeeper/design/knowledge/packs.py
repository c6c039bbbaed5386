"""The shelf of packs: those that come with lampkeeper, and the choice among them and the user's own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources

from lampkeeper.design.knowledge.pack import Pack, PackKind
from lampkeeper.design.knowledge.pack_file import read_pack
from lampkeeper.model.errors import InternalError, UsageError
from lampkeeper.model.known_names import unknown_name


@cache
def built_in_packs() -> tuple[Pack, ...]:
    """Return the packs that come with lampkeeper, countries first, sorted by code; parsed once."""
    found: list[Pack] = []
    root = resources.files("lampkeeper.design").joinpath("data")
    for folder in ("countries", "industries"):
        for entry in sorted(root.joinpath(folder).iterdir(), key=lambda e: e.name):
            if entry.name.endswith(".yaml"):
                read = read_pack(entry.read_text(encoding="utf-8"), f"{folder}/{entry.name}")
                if read.pack is None:
                    raise InternalError("; ".join(str(f) for f in read.findings))
                found.append(read.pack)
    return tuple(found)


def choose_packs(
    country: Iterable[str] = (), industry: Iterable[str] = (), own: Iterable[Pack] = (), *, place: str = ""
) -> tuple[Pack, ...]:
    """Return the packs of these codes, sorted; case does not matter, `all` is every one of the kind.

    Raise UsageError for a code that there is no pack of, naming those there are, and for a pack that takes a code twice.
    """
    available: dict[tuple[PackKind, str], Pack] = {}
    for pack in (*built_in_packs(), *own):
        key = (pack.kind, pack.code.casefold())
        if key in available:
            raise UsageError(
                f"{pack.place}: there is a {pack.kind} pack {pack.code!r} already ({available[key].place})",
                fix="choose another code",
            )
        available[key] = pack
    chosen: dict[tuple[PackKind, str], Pack] = {}
    for kind, codes in ((PackKind.COUNTRY, country), (PackKind.INDUSTRY, industry)):
        for code in codes:
            wanted = [k for k in available if k[0] is kind and code.casefold() in (k[1], "all")]
            if not wanted:
                there = [p.code for (k, _), p in available.items() if k is kind]
                fix = "write one of those, or put a pack of your own into packs/ of the environment's folder"
                raise unknown_name(f"{kind} pack", code, there, place=place, fix=fix)
            chosen.update({k: available[k] for k in wanted})
    return tuple(chosen[k] for k in sorted(chosen))
