"""Where a scenario takes place: a folder with `envs`, a workspace, and what earlier steps noted."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lampkeeper.files.auth_file import render_auth
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.text import SECRET_MODE, write_text
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import UsageError
from lampkeeper.model.known_names import require_known
from lampkeeper.places.place import Address
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.spaces import read_space
from lampkeeper.scenarios.make_lines import lampkeeper_words

Program = Callable[[Sequence[str]], int]
"""The command line: it takes the words after `lampkeeper`, prints, and returns the exit code."""

STATE_FILES = ("state.json", "terraform.tfstate")
"""The state files of the two engines; a layer has the first one, and the second one beside it if Terraform wrote a part."""

_NOTED = re.compile(r"\$\{([a-z_]+)\}")
_OTHERS_SETTINGS = ("DATABRICKS_", "LAMPKEEPER_", "OPENAI_")
_TOKENS = "/_localspace/tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command did: its exit code, and stdout and stderr as they came."""

    code: int = 0
    output: str = ""


@dataclass(kw_only=True)
class World:
    """A folder, a workspace, and the notes of a scenario. Commands run in this process, one at a time."""

    folder: Path
    address: Address
    program: Program
    local: bool = True
    run_id: str = ""
    noted: dict[str, str] = field(default_factory=dict)
    kept: dict[str, dict[str, bytes]] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    signs: dict[str, Auth] = field(default_factory=dict)
    last: Ran = field(default_factory=Ran)
    foreign_spaces: frozenset[str] = frozenset()

    @cached_property
    def workspace(self) -> Workspace:
        """Return the workspace, signed in as the administrator."""
        return connect(self.address.signed(), warehouse_id=self.address.warehouse_id)

    def fill(self, text: str) -> str:
        """Return a text with what was noted, and `warehouse_id`, for each `${name}`; raise UsageError for any other name."""

        def value(found: re.Match[str]) -> str:
            known = {"warehouse_id": self.address.warehouse_id, **self.noted}
            require_known("noted value", found[1], known)
            return known[found[1]]

        return _NOTED.sub(value, text)

    def path(self, name: str) -> Path:
        """Return a path in the folder; raise UsageError for one that leads out of it."""
        path = (self.folder / self.fill(name)).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise UsageError(f"{name} leads out of the scenario's folder", fix="name a path below it")
        return path

    def env(self, name: str) -> EnvFolder:
        """Return the folder of an environment."""
        return EnvFolder(self.folder, name)

    def run(self, line: str) -> Ran:
        """Run a command line in the folder, and keep what it printed; the test data of a run carries its id."""
        words = lampkeeper_words(self.fill(line))
        return self.call([*words, "--suffix", self.run_id] if self.run_id and words[0] == "testdata" else words)

    def call(self, words: Sequence[str]) -> Ran:
        """Run the program with these words in the folder."""
        printed = io.StringIO()
        with self._in_the_folder(), redirect_stdout(printed), redirect_stderr(printed):
            code = self.program(words)
        return Ran(code=code, output=printed.getvalue())

    @contextmanager
    def _in_the_folder(self) -> Iterator[None]:
        before, environment = Path.cwd(), dict(os.environ)
        own = {"COLUMNS": "200", "DATABRICKS_CONFIG_FILE": os.devnull} if self.local else {}
        kept = {k: v for k, v in environment.items() if not self.local or not k.startswith(_OTHERS_SETTINGS)}
        _set_environment(kept | own | self.environ)
        os.chdir(self.folder)
        try:
            yield
        finally:
            os.chdir(before)
            _set_environment(environment)

    def sign_in(self, env: str, auth: Auth | None = None) -> None:
        """Write the address and the sign-in of an environment, of the administrator unless another is given."""
        write_text(self.path(f"envs/{env}/auth.auto.tfvars"), render_auth(auth or self.address.signed()), mode=SECRET_MODE)

    def as_user(self, principal: str) -> Workspace:
        """Return a local workspace, signed in as a user or a service principal."""
        minted = self.workspace.write("token", "POST", _TOKENS, {"principal": principal})
        address = self.address
        auth = Auth(workspace_host=address.host, workspace_id=address.workspace_id, token=str(minted["token"]))
        return connect(auth, warehouse_id=address.warehouse_id)

    def state_files(self, folder: str) -> dict[str, bytes]:
        """Return the state files of a layer's folder below `envs`, of both engines, those that exist, by name."""
        paths = {name: self.path(f"envs/{folder}/{name}") for name in STATE_FILES}
        return {name: path.read_bytes() for name, path in paths.items() if path.is_file()}

    def bytes_of(self, *, file: str = "", state: str = "", space: str = "") -> dict[str, bytes]:
        """Return the bytes of a file, of a layer's state files, or of a Genie space's title and content; empty without them."""
        if state:
            return self.state_files(state)
        if space:
            found = read_space(self.workspace, self.fill(space)) or {}
            return {key: str(found[key]).encode() for key in ("title", "serialized_space") if key in found}
        path = self.path(file)
        return {file: path.read_bytes()} if path.is_file() else {}


def _set_environment(wanted: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(wanted):
        del os.environ[name]
    os.environ.update(wanted)
