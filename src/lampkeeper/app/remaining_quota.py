"""The limits of an environment: the platform's where it tells them, what the settings say, else the documented ones."""

from __future__ import annotations

from dataclasses import replace

from lampkeeper.deploy.state import States
from lampkeeper.design.synthesis.packing import RemainingQuota
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.quotas_file import FILE, read_quotas, render_quotas
from lampkeeper.files.text import read_text, write_text
from lampkeeper.model.policies import SecurableType
from lampkeeper.model.quotas import PolicyQuotas
from lampkeeper.model.schema import Snapshot
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.quotas import read_policy_quotas


def take_quotas(folder: EnvFolder, snapshot: Snapshot, workspace: Workspace) -> PolicyQuotas:
    """Read the quotas for the catalogs of a snapshot and keep them beside it."""
    quotas = read_policy_quotas(workspace, {t.name.catalog for t in snapshot.tables})
    write_text(folder.path / FILE, render_quotas(quotas))
    return quotas


def remaining_quota_of(folder: EnvFolder) -> RemainingQuota:
    """Return the limits: of the settings' number and the live one the smaller, and what others have used of them."""
    said, path = folder.settings().limits, folder.path / FILE
    quotas = read_quotas(read_text(path), path) if path.is_file() else PolicyQuotas()
    limits = RemainingQuota(**said)  # type: ignore[arg-type]  # the names are LIMIT_NAMES
    owned = [o.body for o in States.in_folder(folder.root, folder.env).owned("policy").values()]
    on_catalog = [str(b["on_securable_fullname"]) for b in owned if b["on_securable_type"] == SecurableType.CATALOG]
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
