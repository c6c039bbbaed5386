"""A table under a keyed mask: the desired state, and the people that it needs."""

from __future__ import annotations

from dataclasses import replace

from lampkeeper.app.hash_keys import ExistingKey, with_key
from lampkeeper.design.knowledge.library import load_library
from lampkeeper.model.desired import Desired
from lampkeeper.model.hash_key import HashKey
from support.governed_configs import ANA, OLA, governed
from support.governed_places import Place

TABLE = "c.s.people"


def make_people(place: Place) -> None:
    """Make two users and the table."""
    for name in (ANA, OLA):
        place.user(name)
    place.sql("CREATE CATALOG c", "CREATE SCHEMA c.s", "CREATE TABLE c.s.people (id BIGINT, email STRING)")


def keyed_desired(place: Place, key: HashKey | None) -> Desired:
    """Return a desired state with the mask of an e-mail keyed, under this key (None: it may not be read)."""
    plain = governed({TABLE: {"id": "", "email": "masked_email"}}, {"officers": (OLA,), "readers": (ANA,)})
    body = load_library()["mask_hash"].function.body.replace("value", "v")
    functions = tuple(replace(f, body=body) for f in plain.functions)
    return with_key(replace(plain, functions=functions), place.states(), lambda: ExistingKey(key=key))[0]
