"""What a case is: its text, its gate, its automation, what is left for a person."""

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
    """One of the 21 cases."""

    id: str
    title: str
    journey: str
    applies: str
    looks_at: tuple[str, ...]
    gate: Gate
    run: Callable[[Session, Judge], None]
    guided: Callable[[Session], str] = lambda session: ""
    manual: tuple[str, ...] = ()
    manual_only_if_guided: bool = False
    optional: bool = False


def always(config: PartnerConfig) -> str:
    """Apply to every partner."""
    return ""


def offers(*operations: Operation) -> Gate:
    """Apply where the partner declares all these operations; the gate names the keys that are missing."""

    def gate(config: PartnerConfig) -> str:
        missing = [key for op, key in _KEYS.items() if op in operations and op not in routes(config)]
        return f"endpoints.{' and endpoints.'.join(missing)} not declared" if missing else ""

    return gate


_KEYS = {
    Operation.TEST: "test_connection_path",
    Operation.DELETE_CONNECTION: "delete_connection_path",
    Operation.DELETE_ACCOUNT: "delete_account_path",
    Operation.EXPIRE: "expire_account_path",
    Operation.CONNECTORS: "get_connectors_path",
}
