"""Principals: what a caller, an owner and a grantee are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ACCOUNT_USERS = "account users"
"""The group of all users of the account, by the name that grants and policies use."""


class PrincipalKind(StrEnum):
    """Kinds of principals; the values are the kinds of documents."""

    USER = "user"
    SERVICE_PRINCIPAL = "service_principal"
    GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A principal; `name` is what grants and policies call it (user name, application id, group name)."""

    id: str
    kind: PrincipalKind
    name: str
    display_name: str
    active: bool = True
