"""Caches hang on the store's versions: any change of their kinds changes them, a rollback too."""

from __future__ import annotations

import pytest

from localspace.core.store import Store
from localspace.core.stored_documents import kinds

pytestmark = pytest.mark.unit


def test_a_version_follows_its_own_kinds_only() -> None:
    store = Store(None)
    before = store.version_of(kinds.GRANT)
    store.put(kinds.TAG, ("a",), {})
    assert store.version_of(kinds.GRANT) == before
    store.put(kinds.GRANT, ("a",), {})
    after = store.version_of(kinds.GRANT)
    assert after != before
    store.delete(kinds.GRANT, "nothing")
    assert store.version_of(kinds.GRANT) == after
    store.delete(kinds.GRANT, "a")
    assert store.version_of(kinds.GRANT) != after


def _fails_half_way(store: Store, seen: set[tuple[int, ...]]) -> None:
    with store.transaction():
        store.put(kinds.GRANT, ("a",), {"privileges": ["SELECT"]})
        seen.add(store.version_of(kinds.GRANT))
        raise RuntimeError


def test_a_rollback_and_a_reset_make_a_version_that_was_never_seen() -> None:
    store = Store(None)
    seen = {store.version_of(kinds.GRANT)}
    with pytest.raises(RuntimeError):
        _fails_half_way(store, seen)
    assert store.version_of(kinds.GRANT) not in seen
    seen.add(store.version_of(kinds.GRANT))
    store.clear()
    assert store.version_of(kinds.GRANT) not in seen
