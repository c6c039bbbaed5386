"""What the reference partner keeps: accounts and connections; and which domains are for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TEST_DOMAINS = ("databricks-test.com", "databricks-demo.com")


@dataclass(slots=True, kw_only=True)
class Account:
    """A customer: everyone with an address at one domain."""

    domain: str
    users: set[str] = field(default_factory=set)
    expired: bool = False
    expired_users: set[str] = field(default_factory=set)
    first: str = ""

    def is_expired(self, email: str) -> bool:
        """Tell whether the trial is over for this user."""
        return self.expired or email in self.expired_users


@dataclass(slots=True, kw_only=True)
class Connection:
    """A connection to one workspace."""

    connection_id: str
    account: str
    workspace_id: int
    cloud: str
    creator: str
    details: dict[str, Any]
    pending: int = 0


def is_test_domain(domain: str) -> bool:
    """Tell whether a domain is a test domain or a true subdomain of one."""
    labels_ok = all(label and label.replace("-", "a").isalnum() and label.isascii() for label in domain.split("."))
    return labels_ok and any(domain == name or domain.endswith("." + name) for name in TEST_DOMAINS)
