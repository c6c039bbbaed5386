"""Provides on a laptop what the platform puts into a notebook's namespace: Spark, widgets, HTML output."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
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


class LaptopWidgets:
    """The widgets of a notebook outside a workspace: those of ipywidgets in Jupyter, else values that `set` changes.

    The methods are those of `dbutils.widgets` (source: platform docs, widgets) and `set`.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        """Start with values that replace the defaults: the arguments of a program."""
        self._given = dict(given)
        self._values: dict[str, str] = {}
        self._choices: dict[str, tuple[str, ...]] = {}
        self._drawn: dict[str, Any] = {}
        self._library = _ipywidgets()

    def text(self, name: str, default: str, label: str) -> None:
        """Declare a text input; one that was declared before keeps its value."""
        self._declare(name, default, label, ())

    def dropdown(self, name: str, default: str, choices: Sequence[str], label: str) -> None:
        """Declare a selection list; a value of before stays if it is still among the choices."""
        self._declare(name, default, label, tuple(choices))

    def get(self, name: str) -> str:
        """Return the value of a widget now; raise UsageError for one that was not declared."""
        if name not in self._values:
            raise UsageError(f"{name}: not an input of this notebook", fix=f"the inputs are {', '.join(sorted(self._values))}")
        drawn = self._drawn.get(name)
        return str(drawn.value) if drawn is not None else self._values[name]

    def set(self, name: str, value: str) -> None:
        """Change a widget; raise UsageError for a value that is not among its choices."""
        self.get(name)
        choices = self._choices[name]
        if choices and value not in choices:
            raise UsageError(f"{name}={value}: not one of {', '.join(choices)}", fix="choose one of them")
        self._values[name] = value
        if name in self._drawn:
            self._drawn[name].value = value

    def getAll(self) -> dict[str, str]:  # noqa: N802  (the platform's name)
        """Return the values of all widgets, and those that were given for others."""
        return self._given | {name: self.get(name) for name in self._values}

    def _declare(self, name: str, default: str, label: str, choices: tuple[str, ...]) -> None:
        before = self.get(name) if name in self._values else self._given.get(name, default)
        # A given value outside the choices stays, so that the notebook can name the choices.
        kept = before if not choices or before in choices or name in self._given else default
        self._values[name], self._choices[name] = kept, choices
        if self._library is None:
            return
        drawn = self._drawn.get(name)
        if drawn is not None:
            if choices:
                drawn.options = choices
            drawn.value = kept
            return
        make: Any = self._library.Dropdown if choices and kept in choices else self._library.Text
        options = {"options": choices} if choices and kept in choices else {}
        self._drawn[name] = make(value=kept, description=label, **options)
        laptop_display()(self._drawn[name])


def laptop_display(given: Callable[[Any], Any] | None = None) -> Callable[[Any], Any]:
    """Return what shows HTML or a widget: `given`, the display of IPython, else nothing but the text of a program."""
    module = sys.modules.get("IPython")
    if module is None or module.get_ipython() is None:
        return given or (lambda _shown: None)
    display: Any = importlib.import_module("IPython.display")

    def show(shown: Any) -> None:
        if isinstance(shown, str):
            display.display_html(shown, raw=True)
        else:
            display.display(shown)

    return show


def register_sql(run: Callable[[str], Any]) -> None:
    """Make `%sql` a magic of IPython that runs its line, where the notebook has none."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    if shell is None or "DATABRICKS_RUNTIME_VERSION" in os.environ:
        return
    shell.register_magic_function(lambda line, cell="": run(f"{line} {cell or ''}".strip()), "line_cell", "sql")


def _ipywidgets() -> Any:
    """Return the package ipywidgets in a Jupyter kernel that has it, else None."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    if getattr(shell, "kernel", None) is None or importlib.util.find_spec("ipywidgets") is None:
        return None
    return importlib.import_module("ipywidgets")


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
