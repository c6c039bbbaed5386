"""Checks documents of a store against the declarations of their kinds: fields, JSON types, parts of the key."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredExternalLocation
from localspace.governance.bootstrap import ADMIN_NAME

_SEPARATOR = "\x1f"


def put_external_location(store: Store, name: str, url: str, *, read_only: bool = False) -> None:
    """Put an external location that the admin owns into a store."""
    location = StoredExternalLocation(
        name=name,
        full_name=name,
        id=f"id of {name}",
        url=url,
        credential_id="c",
        credential_name="c",
        owner=ADMIN_NAME,
        read_only=read_only,
        metastore_id="m",
        created_at=0,
        created_by=ADMIN_NAME,
        updated_at=0,
        updated_by=ADMIN_NAME,
    )
    store.put(kinds.EXTERNAL_LOCATION, (name,), location)


def undeclared(store: Store) -> list[str]:
    """Return what documents hold beyond their declaration, what they lack, and what is of another type."""
    found = []
    for name, key, body in store.bodies(everywhere=True):
        kind = kinds.named(name)
        where = f"{name} {key.replace(_SEPARATOR, '/')}"
        if len(key.split(_SEPARATOR)) != len(kind.key):
            found.append(f"{where}: the key has not the parts {kind.key}")
        found += [f"{where}: {one}" for one in misfits(body, kind.fields)]
    return sorted(found)


def misfits(value: Any, declared: Any, path: str = "") -> Iterator[str]:
    """Yield where a JSON value differs from a type: a TypedDict, list, dict, union or plain type."""
    origin, arguments = get_origin(declared), get_args(declared)
    if declared is Any or (declared is float and type(value) is int):
        return
    if origin is NotRequired:
        yield from misfits(value, arguments[0], path)
    elif origin in (Union, types.UnionType):
        if all(list(misfits(value, one, path)) for one in arguments):
            yield f"{path or 'document'} is {value!r}, declared {declared}"
    elif is_typeddict(declared):
        yield from _fields(value, declared, path)
    elif origin is list and type(value) is list:
        for at, one in enumerate(value):
            yield from misfits(one, arguments[0], f"{path}[{at}]")
    elif origin is dict and type(value) is dict:
        for name, one in value.items():
            yield from misfits(one, arguments[1], f"{path}.{name}")
    elif type(value) is not (origin or declared):
        yield f"{path or 'document'} is {value!r}, declared {declared}"


def _fields(value: Any, declared: Any, path: str) -> Iterator[str]:
    if type(value) is not dict:
        yield f"{path or 'document'} is {value!r}, declared {declared.__name__}"
        return
    hints = get_type_hints(declared, include_extras=True)
    yield from (f"{path}.{one} is not declared" for one in sorted(value.keys() - hints.keys()))
    yield from (f"{path}.{one} is missing" for one in sorted(declared.__required_keys__ - value.keys()))
    for name in sorted(value.keys() & hints.keys()):
        yield from misfits(value[name], hints[name], f"{path}.{name}")
