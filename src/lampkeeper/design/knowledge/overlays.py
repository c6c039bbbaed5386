"""The registry of overlays: built-in ones, and the choice among them and the user's own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources

from lampkeeper.design.knowledge.overlay import Overlay, OverlayKind
from lampkeeper.design.knowledge.overlay_file import read_overlay
from lampkeeper.model.errors import InternalError, UsageError
from lampkeeper.model.known_names import unknown_name


@cache
def built_in_overlays() -> tuple[Overlay, ...]:
    """Return the built-in overlays, countries first, sorted by code; parsed once."""
    found: list[Overlay] = []
    root = resources.files("lampkeeper.design").joinpath("data")
    for folder in ("countries", "industries"):
        for entry in sorted(root.joinpath(folder).iterdir(), key=lambda e: e.name):
            if entry.name.endswith(".yaml"):
                read = read_overlay(entry.read_text(encoding="utf-8"), f"{folder}/{entry.name}")
                if read.overlay is None:
                    raise InternalError("; ".join(str(f) for f in read.findings))
                found.append(read.overlay)
    return tuple(found)


def choose_overlays(
    country: Iterable[str] = (), industry: Iterable[str] = (), own: Iterable[Overlay] = (), *, location: str = ""
) -> tuple[Overlay, ...]:
    """Return the overlays of these codes, sorted; case does not matter, `all` means every one of the kind.

    Raises UsageError for an unknown code, with the known ones, and for a second overlay with the same code.
    """
    available: dict[tuple[OverlayKind, str], Overlay] = {}
    for overlay in (*built_in_overlays(), *own):
        key = (overlay.kind, overlay.code.casefold())
        if key in available:
            raise UsageError(
                f"{overlay.location}: a {overlay.kind} overlay {overlay.code!r} exists already ({available[key].location})",
                fix="choose another code",
            )
        available[key] = overlay
    chosen: dict[tuple[OverlayKind, str], Overlay] = {}
    for kind, codes in ((OverlayKind.COUNTRY, country), (OverlayKind.INDUSTRY, industry)):
        for code in codes:
            wanted = [k for k in available if k[0] is kind and code.casefold() in (k[1], "all")]
            if not wanted:
                there = [p.code for (k, _), p in available.items() if k is kind]
                fix = "write one of those, or put an overlay of your own into overlays/ of the environment's folder"
                raise unknown_name(f"{kind} overlay", code, there, location=location, fix=fix)
            chosen.update({k: available[k] for k in wanted})
    return tuple(chosen[k] for k in sorted(chosen))
