"""Resource quotas over REST: how much of each is used (source: SDK 0.156, ResourceQuotas).

A count tells of what is counted: policies on a securable are counted for who may see them, schemas of a catalog for who sees
the catalog. The totals of the metastore name nothing and show to everybody.
"""

from __future__ import annotations

from localspace.core.errors import not_found
from localspace.core.ledger import rule
from localspace.core.stored_documents import kinds
from localspace.governance.policy_repository import QUOTA_OF_METASTORE, QUOTAS
from localspace.governance.privileges import lacks
from localspace.http.request import Request, Route
from localspace.http.serialisation import Json, page

_BASE = "/api/2.1/unity-catalog/resource-quotas"
_POLICIES = "abac-policy-quota"
_CATALOGS, _SCHEMAS = 1_000, 10_000
_PARTIAL = "policies, catalogs and schemas are counted"


def listed(request: Request) -> Json:
    """List the quotas in use; counters may lag."""
    return page(_quotas(request), request.query, "quotas")


def get(request: Request) -> Json:
    """Return one quota; what carries no policy has used nothing of its quota of policies."""
    wanted = (request.params["kind"].rsplit(".", 1)[-1].upper(), request.params["parent"], request.params["quota"])
    found = next((q for q in _quotas(request) if _key(q) == wanted), None)
    if found is None and wanted[0] in QUOTAS and wanted[0] != "METASTORE" and wanted[2] == _POLICIES:
        request.repositories.privileges.require_exists(wanted[0], wanted[1])
        if not request.repositories.policies.may_view(request.actor, wanted[0], wanted[1]):
            raise lacks("READ_METADATA", wanted[0], wanted[1])
        found = _quota(wanted[0], wanted[1], _POLICIES, 0, QUOTAS[wanted[0]])
    if found is None:
        raise not_found(f"Quota '{wanted[2]}' of {wanted[0]} '{wanted[1]}' does not exist.", "RESOURCE_DOES_NOT_EXIST")
    return {"quota_info": found}


@rule("LS-116")
def _quotas(request: Request) -> list[Json]:
    metastore, store = request.repositories.ids.metastore_id, request.repositories.store
    found: list[Json] = []
    for (kind, name), count in sorted(request.repositories.policies.counts().items()):
        if kind == "*":
            found.append(_quota("METASTORE", metastore, _POLICIES, count, QUOTA_OF_METASTORE))
        elif _shows(request, kind, name):
            # Policies on the metastore itself count apart from policies on objects in it.
            quota = f"metastore-{_POLICIES}" if kind == "METASTORE" else _POLICIES
            found.append(_quota(kind, name, quota, count, QUOTAS[kind]))
    # hive_metastore is none of Unity Catalog.
    found.append(_quota("METASTORE", metastore, "catalog-quota", store.count(kinds.CATALOG) - 1, _CATALOGS))
    for catalog in request.repositories.catalog.catalogs(request.actor):
        count = store.count(kinds.SCHEMA, (catalog["name"],))
        found.append(_quota("CATALOG", str(catalog["name"]), "schema-quota", count, _SCHEMAS))
    return found


def _shows(request: Request, kind: str, name: str) -> bool:
    # The count of a dropped securable is kept for the propagation delay, without an owner.
    there = request.repositories.privileges.document(kind, name) is not None
    return there and request.repositories.policies.may_view(request.actor, kind, name)


def _quota(kind: str, name: str, quota: str, count: int, limit: int) -> Json:
    return {
        "parent_securable_type": kind,
        "parent_full_name": name,
        "quota_name": quota,
        "quota_count": count,
        "quota_limit": limit,
    }


def _key(quota: Json) -> tuple[str, str, str]:
    return (quota["parent_securable_type"], quota["parent_full_name"], quota["quota_name"])


ROUTES = (
    Route(
        method="GET",
        path=_BASE + "/all-resource-quotas",
        handler=listed,
        sdk=("ResourceQuotas.list_quotas",),
        partial=_PARTIAL,
    ),
    Route(
        method="GET", path=_BASE + "/{kind}/{parent}/{quota}", handler=get, sdk=("ResourceQuotas.get_quota",), partial=_PARTIAL
    ),
)
