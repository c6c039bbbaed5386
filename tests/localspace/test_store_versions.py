"""Caches hang on the store's versions: any change of their kinds changes them, a rollback too."""

from __future__ import annotations

import pytest

from localspace.core.store import Store

pytestmark = pytest.mark.unit


def test_a_version_follows_its_own_kinds_only() -> None:
    store = Store(None)
    before = store.version_of("grant")
    store.put("tag", ("a",), {})
    assert store.version_of("grant") == before
    store.put("grant", ("a",), {})
    after = store.version_of("grant")
    assert after != before
    store.delete("grant", "nothing")
    assert store.version_of("grant") == after
    store.delete("grant", "a")
    assert store.version_of("grant") != after


def _fails_half_way(store: Store, seen: set[tuple[int, ...]]) -> None:
    with store.transaction():
        store.put("grant", ("a",), {"privileges": ["SELECT"]})
        seen.add(store.version_of("grant"))
        raise RuntimeError


def test_a_rollback_and_a_reset_make_a_version_that_was_never_seen() -> None:
    store = Store(None)
    seen = {store.version_of("grant")}
    with pytest.raises(RuntimeError):
        _fails_half_way(store, seen)
    assert store.version_of("grant") not in seen
    seen.add(store.version_of("grant"))
    store.clear()
    assert store.version_of("grant") not in seen
