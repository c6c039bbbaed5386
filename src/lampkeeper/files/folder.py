"""The folder of an environment: its files, and the split of a draft into the three layers.

envs/account/                        abac.auto.tfvars, state.json, contributions/<env>.tfvars (each environment's part)
envs/<env>/                          env.auto.tfvars, auth.auto.tfvars (secret), abac.auto.tfvars, state.json, snapshot.json
envs/<env>/data_access/              abac.auto.tfvars, masking_functions.sql, state.json
envs/<env>/generated/                the draft: abac.auto.tfvars, masking_functions.sql, labels.jsonl, spaces/<key>/
envs/<env>/decisions.yaml, taxonomy.yaml  stewards' decisions; existing governed tags to use
envs/<env>/ddl/_fetched.sql          the tables as CREATE TABLE statements
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lampkeeper.files.account_merge import merge_account
from lampkeeper.files.auth_file import read_auth, render_auth
from lampkeeper.files.folder_texts import GITIGNORE, README
from lampkeeper.files.masks_sql import read_masks_sql, render_masks_sql
from lampkeeper.files.review_pages import render_review, render_tuning
from lampkeeper.files.settings import Settings, read_settings, render_settings
from lampkeeper.files.snapshots import (
    read_labels,
    read_snapshot_file,
    render_ddl,
    render_labels,
    render_snapshot,
)
from lampkeeper.files.text import SECRET_MODE, narrow_mode, read_text, write_text, write_texts
from lampkeeper.files.tfvars import LayerRead, part_of, read_layer, render_layer, sections
from lampkeeper.model.auth import Auth
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity, has_errors, sort_findings
from lampkeeper.model.known_names import unknown_name
from lampkeeper.model.labels import Label
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.model.schema import Snapshot

ACCOUNT = "account"
"""The folder of the account layer, beside those of the environments."""
WORKSPACES = "workspaces"
"""The folder of an environment that holds one folder for each further workspace."""
RESERVED = (ACCOUNT, "contributions", "data_access", "generated", "spaces", WORKSPACES)
"""Names of folders that the layers use, which an environment cannot have."""

ABAC_FILE = "abac.auto.tfvars"
SQL_FILE = "masking_functions.sql"
LAYERS_FILE = ".layers"
"""The file beside a draft that lists the layers it covers. Without the file, the draft covers all layers."""

PROMOTING = ".promoting"
"""The file in an environment while a promotion replaces its files (files/promotion.py)."""

_AGAIN = "run the same `promote` again, with --to and --catalog-map: it completes the files"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")


def require_env_name(env: str) -> None:
    """Raise UsageError for a name that an environment cannot have."""
    if env in RESERVED:
        raise UsageError(
            f"{env!r} is the name of a folder of lampkeeper, not of an environment", fix="choose another name, such as dev"
        )
    if not _NAME.match(env):
        raise UsageError(f"{env!r} cannot be an environment's name", fix="use lower case letters, digits, _ and -")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFiles:
    """The content of the files of the three layers, account first, and findings on them, including unknown groups."""

    reads: tuple[LayerRead, ...]
    findings: tuple[Finding, ...]

    @property
    def desired(self) -> Desired:
        """Return the desired state that the files describe; raise UsageError if they have errors."""
        require_clean(self.findings)
        fields: dict[str, object] = {}
        for layer, read in zip(LAYERS, self.reads, strict=True):
            fields |= {s.field: getattr(read.desired, s.field) for s in sections(layer) if s.field not in fields}
            fields |= {"functions": read.desired.functions} if layer is Layer.DATA_ACCESS else {}
        return Desired(**fields)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class EnvFolder:
    """The files of one environment under `root`/envs. Reading never writes; every write is atomic."""

    root: Path
    env: str

    def __post_init__(self) -> None:
        """Raise UsageError for a name that is reserved or leads outside the folder."""
        require_env_name(self.env)

    @classmethod
    def existing(cls, root: Path, env: str) -> EnvFolder:
        """Return the folder of an existing environment; raise UsageError, with the existing ones, if it is missing."""
        folder = cls(root, env)
        if not folder.settings_path.is_file():
            there, where = environments(root), f"under {root / 'envs'}"
            raise unknown_name("environment", env, there, where=where, fix=f"lampkeeper setup --env {env}")
        if (folder.path / PROMOTING).is_file():
            raise UsageError(f"environment {env!r} was promoted halfway: {folder.path / PROMOTING} is there", fix=_AGAIN)
        return folder

    @property
    def path(self) -> Path:
        """Return envs/<env>."""
        return self.root / "envs" / self.env

    @property
    def settings_path(self) -> Path:
        """Return the path of env.auto.tfvars."""
        return self.path / "env.auto.tfvars"

    @property
    def auth_path(self) -> Path:
        """Return the path of auth.auto.tfvars."""
        return self.path / "auth.auto.tfvars"

    @property
    def generated_path(self) -> Path:
        """Return the folder of the draft."""
        return self.path / "generated"

    @property
    def snapshot_path(self) -> Path:
        """Return the path of snapshot.json."""
        return self.path / "snapshot.json"

    @property
    def overlays_path(self) -> Path:
        """Return the folder of the environment's own overlays."""
        return self.path / "overlays"

    def overlay_texts(self) -> tuple[tuple[Path, str], ...]:
        """Return path and text of the environment's own overlays, sorted by name."""
        return tuple((p, read_text(p)) for p in sorted(self.overlays_path.glob("*.yaml")))

    @property
    def taxonomy_path(self) -> Path:
        """Return the path of taxonomy.yaml, the mapping of existing governed tags."""
        return self.path / "taxonomy.yaml"

    @property
    def labels_path(self) -> Path:
        """Return the path of labels.jsonl."""
        return self.generated_path / "labels.jsonl"

    def layer_path(self, layer: Layer) -> Path:
        """Return a layer's folder."""
        folders = {Layer.ACCOUNT: self.path.parent / "account", Layer.DATA_ACCESS: self.path / "data_access"}
        return folders.get(layer, self.path)

    @property
    def contribution_path(self) -> Path:
        """Return the path of what this environment asks of the account layer."""
        return self.layer_path(Layer.ACCOUNT) / "contributions" / f"{self.env}.tfvars"

    def setup(self, settings: Settings, auth: Auth | None = None) -> None:
        """Write the settings, and envs/README.md and envs/.gitignore if they are missing."""
        for name, text in (("README.md", README), (".gitignore", GITIGNORE)):
            if not (self.path.parent / name).exists():
                write_text(self.path.parent / name, text)
        write_text(self.settings_path, render_settings(settings))
        if auth is not None:
            self.write_auth(auth)

    def settings(self) -> Settings:
        """Return the settings; raise UsageError if the file has errors."""
        self.existing(self.root, self.env)
        read = read_settings(read_text(self.settings_path), self.settings_path)
        require_clean(read.findings)
        return read.settings

    def auth(self) -> Auth:
        """Return address and credentials; an empty Auth without a file (the SDK then looks for credentials itself)."""
        return read_auth(read_text(self.auth_path), self.auth_path) if self.auth_path.exists() else Auth()

    def protect_auth(self) -> int | None:
        """Let only the owner read auth.auto.tfvars; return the former mode if others could, else None."""
        return narrow_mode(self.auth_path)

    def write_auth(self, auth: Auth) -> None:
        """Write auth.auto.tfvars, readable only by its owner: the only file that holds secrets."""
        write_text(self.auth_path, render_auth(auth), mode=SECRET_MODE)

    def snapshot(self) -> Snapshot:
        """Return the latest snapshot."""
        return read_snapshot_file(read_text(self.snapshot_path), self.snapshot_path)

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """Write snapshot.json and ddl/_fetched.sql."""
        ddl = self.path / "ddl" / "_fetched.sql"
        write_texts({self.snapshot_path: render_snapshot(snapshot), ddl: render_ddl(snapshot.tables)})

    def labels(self) -> tuple[Label, ...]:
        """Return the current labels."""
        return read_labels(read_text(self.labels_path), self.labels_path)

    def write_labels(self, labels: tuple[Label, ...]) -> None:
        """Write labels.jsonl."""
        write_text(self.labels_path, render_labels(labels))

    def write_draft(self, desired: Desired, layers: tuple[Layer, ...] = LAYERS) -> tuple[Path, ...]:
        """Write the draft and its functions; return the paths that changed.

        `layers` are the layers that the draft covers, in addition to those that it covers already.
        """
        draft = self.generated_path
        owned = {*layers, *(self.draft_layers() if (draft / ABAC_FILE).is_file() else ())}
        texts = {
            draft / ABAC_FILE: render_layer(desired),
            draft / LAYERS_FILE: "".join(f"{layer}\n" for layer in LAYERS if layer in owned),
        }
        # The draft of spaces alone has no functions, and no file that says so: they belong to the governance of the data.
        if Layer.DATA_ACCESS in owned:
            texts[draft / SQL_FILE] = render_masks_sql(desired.functions)
        else:
            (draft / SQL_FILE).unlink(missing_ok=True)
        return write_texts(texts)

    def draft_layers(self) -> tuple[Layer, ...]:
        """Return the layers that the draft covers: all, unless it was generated in a mode that owns fewer."""
        path = self.generated_path / LAYERS_FILE
        if not path.is_file():
            return LAYERS
        names = set(read_text(path).split())
        if not names or names - {str(layer) for layer in LAYERS}:
            raise UsageError(f"{path}: not a list of layers", fix=f"lampkeeper generate --env {self.env}")
        return tuple(layer for layer in LAYERS if str(layer) in names)

    def draft(self) -> LayerRead:
        """Return the draft with its findings."""
        if not (self.generated_path / ABAC_FILE).is_file():
            raise UsageError(f"{self.generated_path / ABAC_FILE}: no draft", fix=f"lampkeeper generate --env {self.env}")
        return _read(self.generated_path, None)

    def read_draft(self) -> Desired:
        """Return the draft; raise UsageError if it has errors."""
        return clean_desired(self.draft())

    def write_pages(self, desired: Desired, labels: tuple[Label, ...], findings: tuple[Finding, ...]) -> tuple[Path, ...]:
        """Write the pages for the review of the draft: TUNING.md and review.html."""
        return write_texts(
            {
                self.generated_path / "TUNING.md": render_tuning(desired, labels, findings),
                self.generated_path / "review.html": render_review(desired, labels, findings),
            }
        )

    def space_draft_path(self, key: str) -> Path:
        """Return the folder of the draft of one space."""
        return self.generated_path / "spaces" / key

    def write_space_draft(self, key: str, desired: Desired) -> tuple[Path, ...]:
        """Write the draft of one space with its functions; return the paths that changed."""
        folder = self.space_draft_path(key)
        texts = {folder / ABAC_FILE: render_layer(desired)}
        if desired.functions:
            texts[folder / SQL_FILE] = render_masks_sql(desired.functions)
        else:
            (folder / SQL_FILE).unlink(missing_ok=True)
        return write_texts(texts)

    def read_space_draft(self, key: str) -> Desired:
        """Return the draft of one space; raise UsageError if it is missing or has errors."""
        folder = self.space_draft_path(key)
        if not (folder / ABAC_FILE).is_file():
            raise UsageError(f"{folder / ABAC_FILE}: the space has no draft", fix=f"lampkeeper generate --env {self.env}")
        return clean_desired(_read(folder, None))

    def split(self, draft: Desired | None = None) -> tuple[Finding, ...]:
        """Split the draft into the layer files, all or none; return findings about conflicts in the account layer.

        `draft` is the draft if the caller has read it already.

        The new account file is the old one minus this environment's last contribution plus its new one: objects that other
        environments need stay, and those that this environment no longer needs go. The data access and workspace files belong
        to this environment and are replaced. Layers that the draft does not cover are not touched.
        """
        texts, findings = self.layer_texts(self.read_draft() if draft is None else draft)
        write_texts(texts)
        return findings

    def layer_texts(self, desired: Desired) -> tuple[dict[Path, str], tuple[Finding, ...]]:
        """Return the files that `split` writes, and its findings."""
        owned = self.draft_layers()
        texts: dict[Path, str] = {}
        findings: tuple[Finding, ...] = ()
        if Layer.ACCOUNT in owned:
            texts, findings = self.account_texts(part_of(desired, Layer.ACCOUNT))
        if Layer.DATA_ACCESS in owned:
            data = self.layer_path(Layer.DATA_ACCESS)
            texts |= {
                data / ABAC_FILE: render_layer(desired, Layer.DATA_ACCESS),
                data / SQL_FILE: render_masks_sql(desired.functions),
            }
        if Layer.WORKSPACE in owned:
            texts[self.path / ABAC_FILE] = render_layer(desired, Layer.WORKSPACE)
        return texts, findings

    def account_texts(self, new: Desired) -> tuple[dict[Path, str], tuple[Finding, ...]]:
        """Return the texts of the merged account file and of this environment's contribution, and findings about conflicts."""
        account = self.layer_path(Layer.ACCOUNT)
        mine = self.contribution_path
        others = [_read_account(p) for p in sorted(mine.parent.glob("*.tfvars")) if p != mine]
        merged, findings = merge_account(
            existing=_read_account(account / ABAC_FILE),
            previous=_read_account(mine),
            new=new,
            others=others,
            location=str(account / ABAC_FILE),
        )
        return {account / ABAC_FILE: render_layer(merged, Layer.ACCOUNT), mine: render_layer(new, Layer.ACCOUNT)}, findings

    def layers(self, texts: Mapping[Path, str] | None = None) -> LayerFiles:
        """Return the content of the three layer files; a missing file is empty. `texts` stand in place of files."""
        reads = tuple(_read(self.layer_path(layer), layer, texts or {}) for layer in LAYERS)
        findings = [f for read in reads for f in read.findings]
        known = {g.name for g in reads[0].desired.groups}
        for layer, read in zip(LAYERS[1:], reads[1:], strict=True):
            findings += [
                _unknown_group(g.name, self.layer_path(layer) / ABAC_FILE) for g in read.desired.groups if g.name not in known
            ]
        return LayerFiles(reads=reads, findings=sort_findings(findings))

    def read_desired(self) -> Desired:
        """Return the desired state that the three layer files describe; raise UsageError if they have errors."""
        return self.layers().desired


def environments(root: Path) -> tuple[str, ...]:
    """Return the names of the environments under root/envs, sorted."""
    return tuple(sorted(p.parent.name for p in (root / "envs").glob("*/env.auto.tfvars") if p.parent.name not in RESERVED))


def _read(folder: Path, layer: Layer | None, texts: Mapping[Path, str] | None = None) -> LayerRead:
    path, sql = folder / ABAC_FILE, folder / SQL_FILE
    held = {p: read_text(p) for p in (path, sql) if p not in (texts or {}) and p.is_file()} | dict(texts or {})
    functions = read_masks_sql(held[sql], sql) if layer in (None, Layer.DATA_ACCESS) and sql in held else ()
    return read_layer(held.get(path, ""), path, layer, functions)


def _read_account(path: Path) -> Desired:
    return clean_desired(read_layer(read_text(path) if path.is_file() else "", path, Layer.ACCOUNT))


def _unknown_group(name: str, path: Path) -> Finding:
    return Finding(
        code="FILE_UNKNOWN_GROUP", severity=Severity.ERROR, location=str(path),
        message=f"group {name!r} is not in the account layer", fix="add it to envs/account/abac.auto.tfvars, or plan again",
    )  # fmt: skip


def clean_desired(read: LayerRead) -> Desired:
    """Return the desired state of a file; raise UsageError, with up to 20 findings, if it has errors."""
    require_clean(read.findings)
    return read.desired


def require_clean(findings: tuple[Finding, ...]) -> None:
    """Raise UsageError, with up to 20 findings, if there are errors."""
    if has_errors(findings):
        errors = [f for f in findings if f.severity is Severity.ERROR]
        lines = [f"{f.location}: {f.message}" for f in errors[:20]] + (
            [f"and {len(errors) - 20} more"] if len(errors) > 20 else []
        )
        raise UsageError("\n".join(lines), fix=errors[0].fix)
