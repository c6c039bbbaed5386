"""Databricks Apps: made with a service principal, deployed from a workspace folder, run as a process (source: SDK 0.156, Apps).

The process runs on a port of 127.0.0.1 with the rights of who runs this server: it is the user's own program, as a task is. What
reaches it comes through `app_proxy`.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from pathlib import Path

from localspace.api import app_resources
from localspace.api.scim_resources import people_of
from localspace.apps.processes import free_port
from localspace.apps.source import read_source
from localspace.core.errors import ApiError, already_exists, invalid, not_found
from localspace.core.principals import PrincipalKind
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.apps import StoredApp, StoredDeployment
from localspace.core.timestamps import iso
from localspace.governance.object_permissions import may_see, require_level
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json, page
from localspace.storage.workspace_tree import ObjectType, normal

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,28}[a-z0-9])?")
_KEPT = ("description", "resources", "user_api_scopes", "forward_user_access_token", "compute_size")
_REFUSED = (
    *("git_repository", "git_source", "space", "compute_min_instances", "compute_max_instances"),
    "telemetry_export_destinations",
)
_SIZES = ("MEDIUM", "LARGE", "XLARGE")
_START_SECONDS = 60.0
_SECRET_SECONDS = 365 * 24 * 3600
_UNDEPLOYED = "App has not been deployed yet. Run your app by deploying source code."
_PORTS = ("DATABRICKS_APP_PORT", "PORT", "UVICORN_PORT", "STREAMLIT_SERVER_PORT", "GRADIO_SERVER_PORT", "FLASK_RUN_PORT")
_deploying: set[asyncio.Task[None]] = set()
"""Tasks of deployments; the loop itself keeps no reference to a task."""


def create(request: Request) -> Json:
    """Create an app with a service principal of its own; the caller manages it. The compute is active at once."""
    body = request.body
    name = field_of(body, "name")
    if not _NAME.fullmatch(name):
        raise invalid(f"App name '{name}' must be 1 to 30 lowercase letters, digits and hyphens, with no hyphen at an end.")
    _check(request, body)
    now = iso(request.repositories.clock.now_ms())
    store, directory = request.repositories.store, people_of(request)
    with store.transaction():
        if store.get(kinds.APP, name) is not None:
            raise already_exists(f"An app with the same name already exists: {name}.")
        label = f"app-{uuid.uuid4().hex[:6]} {name}"
        robot = directory.create(PrincipalKind.SERVICE_PRINCIPAL, {"displayName": label, "active": True})
        directory.assign(robot["id"], ["USER"])
        app = kinds.APP.document(
            {key: body[key] for key in _KEPT if key in body}
            | {
                "id": str(uuid.uuid4()),
                "name": name,
                "creator": request.actor.name,
                "updater": request.actor.name,
                "create_time": now,
                "update_time": now,
                "compute": "STOPPED" if request.flag("no_compute") else "ACTIVE",
                "service_principal_id": int(robot["id"]),
                "service_principal_client_id": robot["applicationId"],
                "service_principal_name": label,
            }
        )
        store.put(kinds.APP, (name,), app)
        app_resources.give(request, app)
    return _info(request, app)


def get(request: Request) -> Json:
    """Return an app with the state of its process."""
    return _info(request, app_for(request, "CAN_USE"))


def listed(request: Request) -> Json:
    """List the apps that show to the caller."""
    found = [one for one in request.repositories.store.list(kinds.APP) if _shows(request, one)]
    return page([_info(request, one) for one in found], request.query, "apps", size_name="page_size", most=100)


def update(request: Request) -> Json:
    """Change description, resources, scopes or size."""
    body = request.body
    with request.repositories.store.transaction():
        old = app_for(request, "CAN_MANAGE")
        _check(request, body)
        new = kinds.APP.document({**old, **{key: body[key] for key in _KEPT if key in body}})
        new["updater"], new["update_time"] = request.actor.name, iso(request.repositories.clock.now_ms())
        request.repositories.store.put(kinds.APP, (new["name"],), new)
        app_resources.give(request, new)
    return _info(request, new)


async def delete(request: Request) -> Json:
    """Stop an app and delete it with its service principal, its source and its log."""
    app = app_for(request, "CAN_MANAGE")
    shown = _info(request, app)
    await asyncio.to_thread(request.services.apps.forget, app["name"])
    store, directory = request.repositories.store, people_of(request)
    with store.transaction():
        for one in store.list(kinds.APP_DEPLOYMENT, (app["name"],)):
            store.delete(kinds.APP_DEPLOYMENT, app["name"], one["deployment_id"])
        robot = store.get(kinds.SERVICE_PRINCIPAL, str(app["service_principal_id"]))
        if robot is not None:
            directory.delete(PrincipalKind.SERVICE_PRINCIPAL, {**robot})
        store.delete(kinds.PERMISSIONS, "apps", app["name"])
        store.delete(kinds.APP, app["name"])
    return shown


async def start(request: Request) -> Json:
    """Start the compute of an app, and the deployment that was active."""
    app = _with_compute(request, app_for(request, "CAN_MANAGE"), "ACTIVE")
    active = _active(request, app)
    if active is not None:
        _launch(request, app, active)
    return _info(request, app)


async def stop(request: Request) -> Json:
    """Stop the compute of an app, and its process."""
    app = _with_compute(request, app_for(request, "CAN_MANAGE"), "STOPPED")
    await asyncio.to_thread(request.services.apps.stop, app["name"])
    return _info(request, app)


async def deploy(request: Request) -> Json:
    """Deploy the source of a workspace folder; the app runs with it once it answers."""
    app, body = app_for(request, "CAN_MANAGE"), request.body
    if app["compute"] != "ACTIVE":
        raise ApiError(400, "BAD_REQUEST", f"App {app['name']} is stopped. Start it before you deploy.")
    if body.get("git_source") or body.get("health_check"):
        said = "The local workspace deploys apps from workspace folders alone, without health checks of their own."
        raise ApiError(501, "NOT_IMPLEMENTED", said)
    active = _active(request, app)
    path = body.get("source_code_path") or (active["source_code_path"] if active else "")
    if not path:
        raise invalid("Missing required field: source_code_path")
    mode = body.get("mode") or "SNAPSHOT"
    if mode not in ("SNAPSHOT", "AUTO_SYNC"):
        raise invalid("mode must be SNAPSHOT or AUTO_SYNC.")
    now = iso(request.repositories.clock.now_ms())
    deployment: StoredDeployment = {
        "deployment_id": uuid.uuid4().hex,
        "app_name": app["name"],
        "source_code_path": path,
        "mode": mode,
        "creator": request.actor.name,
        "create_time": now,
        "update_time": now,
        "state": "IN_PROGRESS",
        "message": "Preparing source code.",
    }
    if body.get("command"):
        deployment["command"] = body["command"]
    if body.get("env_vars"):
        deployment["env_vars"] = body["env_vars"]
    _copy(request, path, request.services.apps.source(app["name"], deployment["deployment_id"]))
    _put(request, deployment)
    _launch(request, app, deployment)
    return _deployment_info(deployment)


def get_deployment(request: Request) -> Json:
    """Return a deployment."""
    app = app_for(request, "CAN_USE")
    found = request.repositories.store.get(kinds.APP_DEPLOYMENT, app["name"], request.params["deployment_id"])
    if found is None:
        raise not_found(f"Deployment {request.params['deployment_id']} of app {app['name']} does not exist.")
    return _deployment_info(found)


def list_deployments(request: Request) -> Json:
    """List the deployments of an app, the newest first."""
    app = app_for(request, "CAN_USE")
    found = request.repositories.store.list(kinds.APP_DEPLOYMENT, (app["name"],))
    found.sort(key=lambda one: (one["create_time"], one["deployment_id"]), reverse=True)
    return page([_deployment_info(one) for one in found], request.query, "app_deployments", size_name="page_size", most=100)


# Running


def _launch(request: Request, app: StoredApp, deployment: StoredDeployment) -> None:
    task = asyncio.create_task(asyncio.to_thread(_run, request, app, deployment))
    _deploying.add(task)
    task.add_done_callback(_deploying.discard)


def _run(request: Request, app: StoredApp, deployment: StoredDeployment) -> None:
    """Start the process of a deployment and wait until it answers; store what came of it."""
    done = deployment.copy()
    try:
        _start_process(request, app, deployment)
        done["state"], done["message"] = "SUCCEEDED", "App started successfully"
    except ApiError as error:
        done["state"], done["message"] = "FAILED", error.message
    except OSError as error:
        done["state"], done["message"] = "FAILED", f"The app cannot be started: {error.strerror}."
    done["update_time"] = iso(request.repositories.clock.now_ms())
    store = request.repositories.store
    with store.transaction():
        current = store.get(kinds.APP, app["name"])
        if current is not None:
            _put(request, done)
            if done["state"] == "SUCCEEDED":
                store.put(kinds.APP, (app["name"],), current | {"active_deployment_id": done["deployment_id"]})


def _start_process(request: Request, app: StoredApp, deployment: StoredDeployment) -> None:
    apps, name = request.services.apps, app["name"]
    folder = apps.source(name, deployment["deployment_id"])
    source = read_source(folder)
    port = free_port()
    environment = dict(source.values) | _from_resources(app, dict(source.resources))
    for one in deployment.get("env_vars") or ():
        given = {one["name"]: one["value"]} if "value" in one else {}
        environment |= given or _from_resources(app, {one["name"]: one.get("value_from", "")})
    environment |= _platform_environment(request, app, port)
    command = [one.replace("$DATABRICKS_APP_PORT", str(port)) for one in deployment.get("command") or source.command]
    process = apps.start(name, folder, command, environment, port)
    if not process.answers(_START_SECONDS):
        code = process.exit_code
        apps.stop(name)
        why = f"it ended with exit code {code}" if code is not None else f"port {port} does not answer"
        raise ApiError(400, "BAD_REQUEST", f"Error starting app code: {why}. See the logs of the app.")


def _from_resources(app: StoredApp, wanted: dict[str, str]) -> dict[str, str]:
    resources = {one["name"]: one for one in app.get("resources") or ()}
    unknown = next((one for one in wanted.values() if one not in resources), None)
    if unknown is not None:
        raise invalid(f"valueFrom names '{unknown}', which app {app['name']} lacks.")
    return {name: app_resources.value_of(resources[resource]) for name, resource in wanted.items()}


def _platform_environment(request: Request, app: StoredApp, port: int) -> dict[str, str]:
    """Return the variables that the platform sets, with a new secret of the app's service principal."""
    store, robot = request.repositories.store, str(app["service_principal_id"])
    secret, document = request.services.authenticator.new_secret(robot, _SECRET_SECONDS)
    with store.transaction():
        current = store.get(kinds.APP, app["name"]) or app
        if "client_secret_id" in current:
            store.delete(kinds.CLIENT_SECRET, robot, current["client_secret_id"])
        store.put(kinds.APP, (app["name"],), current | {"client_secret_id": document["id"]})
    return dict.fromkeys(_PORTS, str(port)) | {
        "DATABRICKS_APP_NAME": app["name"],
        "DATABRICKS_APP_URL": _url(request, app),
        "DATABRICKS_HOST": request.services.location.address,
        "DATABRICKS_WORKSPACE_ID": str(request.repositories.ids.workspace_id),
        "DATABRICKS_CLIENT_ID": app["service_principal_client_id"],
        "DATABRICKS_CLIENT_SECRET": secret,
        "UVICORN_HOST": "127.0.0.1",
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
        "STREAMLIT_SERVER_HEADLESS": "true",
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "FLASK_RUN_HOST": "127.0.0.1",
    }


def _copy(request: Request, path: str, folder: Path) -> None:
    """Copy what lies below a workspace folder, as far as the caller may read it."""
    tree, root = request.services.tree, normal(path)
    if tree.status(request.actor, root)["object_type"] != ObjectType.DIRECTORY:
        raise invalid(f"source_code_path {path} is not a folder.")
    folder.mkdir(parents=True)
    for one in tree.walk(request.actor, root):
        target = folder / one["path"].removeprefix(root).lstrip("/")
        if one["object_type"] == ObjectType.DIRECTORY:
            target.mkdir(parents=True, exist_ok=True)
        elif one["object_type"] == ObjectType.FILE:
            target.write_bytes(tree.content(request.actor, one["path"])[1])


# Looking up


def app_for(request: Request, level: str) -> StoredApp:
    """Return the app of the path to who has a level on it; raises 404 or 403."""
    found = request.repositories.store.get(kinds.APP, request.params["name"])
    if found is None:
        raise not_found(f"App with name {request.params['name']} does not exist or is deleted.")
    require_level(request.repositories, request.actor, "apps", found["name"], level, owner=found["creator"])
    return found


def _shows(request: Request, app: StoredApp) -> bool:
    return may_see(request.repositories, request.actor, "apps", app["name"], app["creator"])


def _active(request: Request, app: StoredApp) -> StoredDeployment | None:
    active = app.get("active_deployment_id")
    return None if active is None else request.repositories.store.get(kinds.APP_DEPLOYMENT, app["name"], active)


def _with_compute(request: Request, app: StoredApp, state: str) -> StoredApp:
    new = app.copy()
    new["compute"] = state
    request.repositories.store.put(kinds.APP, (app["name"],), new)
    return new


def _put(request: Request, deployment: StoredDeployment) -> None:
    key = (deployment["app_name"], deployment["deployment_id"])
    request.repositories.store.put(kinds.APP_DEPLOYMENT, key, deployment, key[:1])


def _check(request: Request, body: Json) -> None:
    for name in _REFUSED:
        if body.get(name):
            raise ApiError(501, "NOT_IMPLEMENTED", f"The local workspace does not serve {name} of an app.")
    if body.get("compute_size") not in (None, *_SIZES):
        raise invalid(f"compute_size must be one of {', '.join(_SIZES)}.")
    app_resources.check(request, body.get("resources") or [])


# Answers


def _url(request: Request, app: StoredApp) -> str:
    return f"{request.services.location.address}/apps/{app['name']}"


def _info(request: Request, app: StoredApp) -> Json:
    found: Json = kinds.APP.answer(app)
    found |= {"url": _url(request, app), "compute_size": app.get("compute_size", "MEDIUM")}
    running = app["compute"] == "ACTIVE"
    found["compute_status"] = {
        "state": app["compute"],
        "message": "App compute is running." if running else "App compute is stopped.",
    }
    found["app_status"] = _status(request, app)
    if "user_api_scopes" in app:
        found["effective_user_api_scopes"] = app["user_api_scopes"]
    active = _active(request, app)
    if active is not None:
        found |= {"active_deployment": _deployment_info(active), "default_source_code_path": active["source_code_path"]}
    pending = [
        one for one in request.repositories.store.list(kinds.APP_DEPLOYMENT, (app["name"],)) if one["state"] == "IN_PROGRESS"
    ]
    if pending:
        found["pending_deployment"] = _deployment_info(pending[-1])
    return found


def _status(request: Request, app: StoredApp) -> Json:
    if app["compute"] != "ACTIVE":
        return {"state": "UNAVAILABLE", "message": "App status is unavailable."}
    process = request.services.apps.of(app["name"])
    if process is None:
        known = "active_deployment_id" in app
        return {"state": "UNAVAILABLE", "message": "The app does not run. Start it or deploy it." if known else _UNDEPLOYED}
    if process.exit_code is not None:
        return {"state": "CRASHED", "message": f"App crashed with exit code {process.exit_code}. See the logs of the app."}
    return {"state": "RUNNING", "message": "App is running."}


def _deployment_info(deployment: StoredDeployment) -> Json:
    hidden = {"app_name", "state", "message"}
    found: Json = {name: value for name, value in deployment.items() if name not in hidden}
    return found | {
        "status": {"state": deployment["state"], "message": deployment["message"]},
        "deployment_artifacts": {"source_code_path": deployment["source_code_path"]},
    }


_BASE = "/api/2.0/apps"
_ONE = _BASE + "/{name}"
ROUTES = (
    Route(
        method="POST",
        path=_BASE,
        handler=create,
        sdk=("Apps.create",),
        partial="a process of this machine; no git, no spaces, no secrets and databases as resources",
    ),
    Route(method="GET", path=_BASE, handler=listed, sdk=("Apps.list",)),
    Route(method="GET", path=_ONE, handler=get, sdk=("Apps.get",)),
    Route(method="PATCH", path=_ONE, handler=update, sdk=("Apps.update",)),
    Route(method="DELETE", path=_ONE, handler=delete, sdk=("Apps.delete",)),
    Route(method="POST", path=_ONE + "/start", handler=start, sdk=("Apps.start",)),
    Route(method="POST", path=_ONE + "/stop", handler=stop, sdk=("Apps.stop",)),
    Route(
        method="POST",
        path=_ONE + "/deployments",
        handler=deploy,
        sdk=("Apps.deploy",),
        partial="no packages are installed: the command runs with the server's Python",
    ),
    Route(method="GET", path=_ONE + "/deployments", handler=list_deployments, sdk=("Apps.list_deployments",)),
    Route(method="GET", path=_ONE + "/deployments/{deployment_id}", handler=get_deployment, sdk=("Apps.get_deployment",)),
)
