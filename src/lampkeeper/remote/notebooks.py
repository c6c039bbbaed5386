"""Provides on a laptop what the platform puts into a notebook's namespace: Spark, widgets, HTML output."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lampkeeper.model.errors import RemoteError, UsageError

if TYPE_CHECKING:
    from databricks.sdk.core import Config

_MOST_REPORTED = 400


def laptop_spark() -> Any:
    """Return a databricks-connect session, on serverless compute unless a cluster is configured.

    Raise UsageError without the package or a sign-in, RemoteError if the workspace rejects the sign-in.
    """
    try:
        from databricks.connect import DatabricksSession
    except ImportError as error:
        raise UsageError(
            f"this page reads tables through Spark, and databricks-connect cannot be used here: {_line(error)}",
            fix="in the clone of lampkeeper: pip install '.[connect]', in an environment without pyspark",
        ) from None
    builder = DatabricksSession.builder
    if "SPARK_REMOTE" not in os.environ:
        config = _config()
        if not config.cluster_id and not config.serverless_compute_id:
            builder = builder.serverless(True)
    try:
        return builder.getOrCreate()
    except Exception as error:
        # databricks-connect raises plain Exceptions for wrong settings and gRPC errors for other failures.
        raise RemoteError(f"no Spark session: {_line(error)}", code="NO_SPARK", fix=_remedy()) from None


def laptop_dbutils() -> Any:
    """Return the SDK's dbutils; its widgets appear in Jupyter with ipywidgets, and keep their defaults without it."""
    from databricks.sdk.dbutils import RemoteDbUtils

    return RemoteDbUtils(_config())


def kernel_display() -> Callable[[str], Any] | None:
    """Return the function that shows HTML below a Jupyter cell, None in any other program."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    if getattr(shell, "kernel", None) is None:
        return None
    display: Any = importlib.import_module("IPython.display")
    return lambda html: display.display_html(html, raw=True)


def _config() -> Config:
    from databricks.sdk.core import Config

    try:
        return Config()
    except ValueError as error:
        raise UsageError(
            f"no sign-in for Spark: {_line(error)}", fix="set DATABRICKS_HOST and DATABRICKS_TOKEN, or DATABRICKS_CONFIG_PROFILE"
        ) from None


def _remedy() -> str:
    if _at_local_workspace():
        now = os.environ.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "not set")
        return f"set GRPC_DEFAULT_SSL_ROOTS_FILE_PATH (now: {now}) to the connect.pem of `localspace serve`; check the token"
    return "check the host, the token, and the permission to use serverless compute, or set DATABRICKS_CLUSTER_ID"


def _at_local_workspace() -> bool:
    """Return whether Spark is that of a local workspace, signed in by SPARK_REMOTE, variables, a profile or .databrickscfg."""
    if "SPARK_REMOTE" in os.environ:
        return urlsplit(os.environ["SPARK_REMOTE"]).hostname in {"127.0.0.1", "localhost", "::1"}
    try:
        return str(_config().host or "").startswith("http://")
    except UsageError:
        return False


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text[:_MOST_REPORTED] + ("…" if len(text) > _MOST_REPORTED else "") or type(error).__name__
