"""The limits of an environment: those of the platform if it reports them, those of the settings, else the documented ones."""

from __future__ import annotations

from dataclasses import replace

from lampkeeper.deploy.kinds import POLICY
from lampkeeper.deploy.state import States
from lampkeeper.design.synthesis.packing import RemainingQuota
from lampkeeper.files.settings import Settings
from lampkeeper.model.policies import SecurableType
from lampkeeper.model.quotas import PolicyQuotas


def remaining_quota(settings: Settings, quotas: PolicyQuotas, states: States) -> RemainingQuota:
    """Return the limits: of the settings' number and the live one the smaller, and what others have used of them."""
    said = settings.limits
    limits = RemainingQuota(**said)  # type: ignore[arg-type]  # the names are LIMIT_NAMES
    owned = [o.spec.key for o in states.owned(POLICY).values()]
    on_catalog = [name for kind, name, _ in owned if kind == SecurableType.CATALOG]
    if quotas.metastore is not None:
        live = quotas.metastore
        least = min(live.limit, said.get("policies_per_metastore", live.limit))
        limits = replace(limits, policies_per_metastore=least, elsewhere=max(0, live.count - len(owned)))
    if quotas.catalogs:
        live_limit = min(q.limit for q in quotas.catalogs.values())
        least = min(live_limit, said.get("policies_per_catalog", live_limit))
        others = {name: max(0, q.count - on_catalog.count(name)) for name, q in quotas.catalogs.items()}
        limits = replace(limits, policies_per_catalog=least, others={name: n for name, n in others.items() if n})
    return limits
