"""What kinds about groups have in common: a SCIM patch, and how a plan names the group."""

from __future__ import annotations

from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.remote.clients import Json

_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def scim_patch(*operations: Json) -> Json:
    """Return the document that makes these changes to a SCIM resource."""
    return {"schemas": [_PATCH], "Operations": list(operations)}


def for_group(fields: Fields) -> Subject:
    """Return the group that a change is about."""
    return Subject(preposition="for", noun="group", name=fields.name("group"))
