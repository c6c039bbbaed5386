"""The test data of a sign-in file: which workspace it leads to, which environments govern that workspace, and what is done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lampkeeper.files.auth_file import read_auth
from lampkeeper.files.folder import EnvFolder, environments
from lampkeeper.files.text import read_text
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.failures import Timeouts
from lampkeeper.testdata.choice import DataChoice
from lampkeeper.testdata.lifecycle import Created, seed_testdata, teardown_testdata
from lampkeeper.testdata.overlay_columns import remove_overlay_columns
from lampkeeper.testdata.seeded_catalogs import any_seeded, require_own
from lampkeeper.testdata.seeding import Progress
from lampkeeper.testdata.verification import verify_testdata
from lampkeeper.testdata.warehouse_choice import choose_warehouse, remove_warehouse

AUTH_FILE = Path("auth.auto.tfvars")
"""The sign-in file that is read unless another one is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInFile:
    """A sign-in file: the folder that holds `envs`, and the environment beside the file, if there is one."""

    auth: Auth
    root: Path
    own: EnvFolder | None = None


def read_sign_in(path: Path, profile: str = "", *, given: bool = True) -> SignInFile:
    """Read a sign-in file; a profile replaces its sign-in. Without a file that was `given`, the SDK looks for a sign-in itself.

    Raise UsageError for a given file that does not exist.
    """
    if given and not path.is_file():
        raise UsageError(f"{path}: no such file", fix="lampkeeper setup writes envs/dev/auth.auto.tfvars")
    auth = read_auth(read_text(path), path) if path.is_file() else Auth()
    if profile:
        auth = Auth(profile=profile, account_id=auth.account_id, workspace_id=auth.workspace_id)
    folder = path.resolve().parent
    if folder.parent.name != "envs":
        return SignInFile(auth=auth, root=folder)
    root = folder.parent.parent
    own = EnvFolder.existing(root, folder.name) if (folder / "env.auto.tfvars").is_file() else None
    return SignInFile(auth=auth, root=root, own=own)


def environments_of(sign_in: SignInFile, host: str) -> tuple[EnvFolder, ...]:
    """Return the environments of the same `envs` folder whose sign-in leads to this host, the file's own one first."""
    found = [sign_in.own] if sign_in.own is not None else []
    for env in environments(sign_in.root):
        folder = EnvFolder(sign_in.root, env)
        if folder not in found and folder.settings_path.is_file() and _host(folder.auth()) in (host.rstrip("/"), ""):
            found.append(folder)
    return tuple(found)


def _host(auth: Auth) -> str:
    if auth.workspace_host or not auth.profile:
        return auth.workspace_host.rstrip("/")
    return connect(auth).host.rstrip("/")


def governed_patterns(folders: Iterable[EnvFolder]) -> tuple[str, ...]:
    """Return the table patterns of these environments; for one that names spaces alone, the tables of its snapshot."""
    found: list[str] = []
    for folder in folders:
        patterns = folder.settings().patterns
        if not patterns and folder.snapshot_path.is_file():
            patterns = tuple(str(t.name) for t in folder.snapshot().tables)
        found += patterns
    return tuple(dict.fromkeys(found))


class DataRun:
    """What one run does with the test data of a sign-in file; the warehouse is chosen when the first statement needs it."""

    def __init__(self, sign_in: SignInFile, *, warehouse: str = "", timeouts: Timeouts | None = None) -> None:
        """Connect; nothing is read yet."""
        self.sign_in = sign_in
        self.workspace: Workspace = connect(sign_in.auth, timeouts=timeouts)
        self._warehouse = warehouse

    @property
    def environments(self) -> tuple[EnvFolder, ...]:
        """Return the environments that this sign-in's workspace belongs to."""
        return environments_of(self.sign_in, self.workspace.host)

    def ready(self) -> str:
        """Choose the warehouse: the given one, that of the settings beside the sign-in file, else the best one; return its id."""
        own = self.sign_in.own
        return choose_warehouse(self.workspace, self._warehouse or (own.settings().sql_warehouse_id if own is not None else ""))

    def create(self, choice: DataChoice, progress: Progress | None = None) -> Created:
        """Create the missing test data."""
        self.ready()
        return seed_testdata(self.workspace, choice, storage_base=self.sign_in.auth.catalog_storage_base, progress=progress)

    def verify(self, choice: DataChoice, *, local: bool) -> tuple[Finding, ...]:
        """Return the errors of the chosen catalogs that the environments govern."""
        patterns = governed_patterns(self.environments)
        self.ready()
        return verify_testdata(self.workspace, choice, patterns, local=local)

    def drop(self, choice: DataChoice) -> int:
        """Drop the chosen catalogs, and with the last ones the warehouse that was created for them; return how many catalogs."""
        if not require_own(self.workspace, choice.catalogs):
            return 0
        self.ready()
        dropped = teardown_testdata(self.workspace, choice)
        if not any_seeded(self.workspace):
            remove_warehouse(self.workspace)
        return dropped

    def remove_columns(self) -> int:
        """Drop the columns that were added for the overlay scenarios; return how many there were."""
        self.ready()
        return remove_overlay_columns(self.workspace)
