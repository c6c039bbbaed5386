"""The definition of a case: its text, its gate, its automated part, its manual part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from partnercert.config import PartnerConfig
from partnercert.contract import Operation, routes
from partnercert.session import Session
from partnercert.verdicts import Judge

Gate = Callable[[PartnerConfig], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One of the 21 cases. `guided` returns why all of it is manual, given the config and whether there is a workspace."""

    id: str
    title: str
    journey: str
    applies: str
    looks_at: tuple[str, ...]
    gate: Gate
    run: Callable[[Session, Judge], None]
    guided: Callable[[PartnerConfig, bool], str] = lambda config, has_workspace: ""
    manual: tuple[str, ...] = ()
    guided_manual: tuple[str, ...] = ()
    optional: bool = False

    def points(self, *, guided: bool) -> tuple[str, ...]:
        """Return what a person looks at: more where nothing is automated (`guided`)."""
        return (*self.guided_manual, *self.manual) if guided else self.manual


def always(config: PartnerConfig) -> str:
    """Apply to every partner."""
    return ""


def offers(*operations: Operation) -> Gate:
    """Apply where the partner declares all these operations; the gate names the keys that are missing."""

    def gate(config: PartnerConfig) -> str:
        missing = [key for op, key in _KEYS.items() if op in operations and op not in routes(config)]
        return f"endpoints.{' and endpoints.'.join(missing)} not declared" if missing else ""

    return gate


def deletes_in_product(config: PartnerConfig) -> str:
    """Apply where connections can be deleted at the partner: by its endpoint, or in its product."""
    told = config.endpoints.delete_connection is not None
    if told or config.certification.deletes_in_product is not False:
        return ""
    return "endpoints.delete_connection_path not declared, certification.deletes_in_product is false"


def guided_deletion(config: PartnerConfig, has_workspace: bool) -> str:
    """Leave the deletion to a person where the partner has no endpoint for it."""
    if config.endpoints.delete_connection is not None:
        return ""
    return (
        "no delete_connection_path: a person has to delete in the product (certification.deletes_in_product false: not offered)"
    )


_KEYS = {
    Operation.TEST: "test_connection_path",
    Operation.DELETE_CONNECTION: "delete_connection_path",
    Operation.DELETE_ACCOUNT: "delete_account_path",
    Operation.EXPIRE: "expire_account_path",
    Operation.CONNECTORS: "get_connectors_path",
}
