"""The common part of kinds about groups: a SCIM patch, and the name of the group in a plan."""

from __future__ import annotations

from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.remote.clients import Json

_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def scim_patch(*operations: Json) -> Json:
    """Return the SCIM patch document of these changes."""
    return {"schemas": [_PATCH], "Operations": list(operations)}


def for_group(fields: Fields) -> Subject:
    """Return the group of a change."""
    return Subject(preposition="for", noun="group", name=fields.name("group"))
