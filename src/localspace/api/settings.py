"""Workspace settings: the default namespace (source: SDK 0.156, DefaultNamespace)."""

from __future__ import annotations

from localspace.core.errors import denied, invalid
from localspace.core.stored_documents.workspace import StoredDefaultNamespace
from localspace.governance.default_namespace import read_default, write_default
from localspace.http.request import Request, Route
from localspace.http.serialisation import Json

_DEFAULT_NAMESPACE = "/api/2.0/settings/types/default_namespace_ws/names/default"


def get_default_namespace(request: Request) -> Json:
    """Return the default catalog that was set; a 404 carries the etag of the first write."""
    return _shown(read_default(request.repositories.store))


def update_default_namespace(request: Request) -> Json:
    """Set the default catalog; workspace admins only, with a current etag."""
    _require_admin(request)
    setting = request.body.get("setting")
    if not isinstance(setting, dict) or not isinstance(setting.get("namespace"), dict):
        raise invalid("Missing required field: setting.namespace")
    mask = {one.strip() for one in str(request.body.get("field_mask") or "").split(",")}
    if not mask & {"namespace.value", "namespace", "*"}:
        raise invalid("field_mask must name namespace.value.")
    if request.body.get("allow_missing") is not True:
        raise invalid("allow_missing must be true.")
    value = setting["namespace"].get("value")
    if not value:
        raise invalid("Missing required field: setting.namespace.value")
    return _shown(write_default(request.repositories.store, value, setting.get("etag")))


def delete_default_namespace(request: Request) -> Json:
    """Unset the default catalog; workspace admins only, with a current etag."""
    _require_admin(request)
    read_default(request.repositories.store)
    return {"etag": write_default(request.repositories.store, None, request.query.get("etag"))["etag"]}


def _shown(found: StoredDefaultNamespace) -> Json:
    return {"etag": found["etag"], "namespace": {"value": found["value"]}, "setting_name": "default"}


def _require_admin(request: Request) -> None:
    if not request.repositories.identity.is_workspace_admin(request.actor.id):
        raise denied("Only a workspace admin may change settings.")


_AT_ONCE = "takes effect at once, without a restart of warehouses"
ROUTES = (
    Route(method="GET", path=_DEFAULT_NAMESPACE, handler=get_default_namespace, sdk=("DefaultNamespace.get",)),
    Route(
        method="PATCH",
        path=_DEFAULT_NAMESPACE,
        handler=update_default_namespace,
        sdk=("DefaultNamespace.update",),
        partial=_AT_ONCE,
    ),
    Route(method="DELETE", path=_DEFAULT_NAMESPACE, handler=delete_default_namespace, sdk=("DefaultNamespace.delete",)),
)
