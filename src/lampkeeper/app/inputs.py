"""The inputs of a command: what the files of an environment say, each parsed once and handed to every step that needs it."""

from __future__ import annotations

from functools import cached_property

from lampkeeper.app.choices import Choices
from lampkeeper.app.existing_tags import map_existing_tags
from lampkeeper.app.own_masks import library_of
from lampkeeper.app.remaining_quota import remaining_quota
from lampkeeper.deploy.kinds import TAG
from lampkeeper.deploy.state import States
from lampkeeper.design.knowledge.knowledge import Knowledge, compose
from lampkeeper.design.knowledge.library import Library
from lampkeeper.design.knowledge.overlay import Overlay
from lampkeeper.design.knowledge.overlay_file import read_overlay
from lampkeeper.design.knowledge.overlays import choose_overlays
from lampkeeper.design.synthesis.packing import RemainingQuota
from lampkeeper.files.decisions import Decision, decisions_path, read_decisions
from lampkeeper.files.folder import ABAC_FILE, EnvFolder, LayerFiles, clean_desired
from lampkeeper.files.label_sources import SourceFiles
from lampkeeper.files.quotas_file import FILE as QUOTAS_FILE
from lampkeeper.files.quotas_file import read_quotas, render_quotas
from lampkeeper.files.settings import Settings
from lampkeeper.files.text import read_text, write_text
from lampkeeper.files.tfvars import LayerRead
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, has_errors
from lampkeeper.model.labels import Label
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.model.quotas import PolicyQuotas
from lampkeeper.model.schema import Snapshot
from lampkeeper.model.tags import TagAssignment


class EnvInputs:
    """The files of one environment as values. Each file is parsed when first asked for, and kept.

    Make one per command: later changes of the files by other processes are not seen. A step writes through the `write_…`
    methods, which keep the written value, or calls `changed`, and the named inputs are read again. Every
    access may raise UsageError with the location of a mistake.
    """

    own_layers: tuple[Layer, ...] = LAYERS
    """The layers that the environment has."""

    def __init__(self, folder: EnvFolder) -> None:
        """Read nothing yet."""
        self.folder = folder
        self.env = folder.env
        self._mapped: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[Knowledge, tuple[Finding, ...]]] = {}

    def changed(self, *names: str) -> None:
        """Forget the inputs of these names, whose files this process has just written in another form than it holds them."""
        for name in names:
            self.__dict__.pop(name, None)

    @cached_property
    def settings(self) -> Settings:
        """Return what env.auto.tfvars says."""
        return self.folder.settings()

    @cached_property
    def snapshot(self) -> Snapshot | None:
        """Return the snapshot last taken, None when there is none."""
        return self.folder.snapshot() if self.folder.snapshot_path.is_file() else None

    def require_snapshot(self) -> Snapshot:
        """Return the snapshot last taken; raise UsageError when there is none."""
        if self.snapshot is None:
            raise UsageError(f"{self.folder.snapshot_path}: no snapshot yet", fix=f"lampkeeper snapshot --env {self.env}")
        return self.snapshot

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """Write snapshot.json and ddl/_fetched.sql."""
        self.folder.write_snapshot(snapshot)
        self.__dict__["snapshot"] = snapshot

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """Return the labels last decided, none before the first generation."""
        return self.folder.labels() if self.folder.labels_path.is_file() else ()

    def write_labels(self, labels: tuple[Label, ...]) -> None:
        """Write labels.jsonl."""
        self.folder.write_labels(labels)
        self.__dict__["labels"] = labels

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Return what stewards decided about columns."""
        return read_decisions(decisions_path(self.folder.path))

    @property
    def sources(self) -> SourceFiles:
        """Return the files that keep what other sources of labels said."""
        return SourceFiles(self.folder.generated_path / "sources")

    @cached_property
    def states(self) -> States:
        """Return the states of the layers, to which an apply writes."""
        return States.in_folder(self.folder.root, self.env)

    @property
    def assigned_tags(self) -> tuple[TagAssignment, ...]:
        """Return the tags on tables and columns that the state records as assigned by lampkeeper."""
        return tuple(owned.spec for owned in self.states.owned(TAG).values())

    @cached_property
    def quotas(self) -> PolicyQuotas:
        """Return the quotas as the platform told them with the last snapshot, empty when it told none."""
        path = self.folder.path / QUOTAS_FILE
        return read_quotas(read_text(path), path) if path.is_file() else PolicyQuotas()

    def write_quotas(self, quotas: PolicyQuotas) -> None:
        """Write quotas.json."""
        write_text(self.folder.path / QUOTAS_FILE, render_quotas(quotas))
        self.__dict__["quotas"] = quotas

    @property
    def remaining_quota(self) -> RemainingQuota:
        """Return the limits, and what others have used of them."""
        return remaining_quota(self.settings, self.quotas, self.states)

    @cached_property
    def library(self) -> Library:
        """Return the masks and filters, the environment's own masks among them."""
        return library_of(self.folder)

    @cached_property
    def overlays(self) -> tuple[Overlay, ...]:
        """Return the environment's own overlays."""
        found = []
        for path, text in self.folder.overlay_texts():
            read = read_overlay(text, str(path), self.library)
            if read.overlay is None:
                lines = [f"{f.location}: {f.message}" for f in read.findings]
                raise UsageError("\n".join(lines), fix=f"lampkeeper overlays check {path}")
            found.append(read.overlay)
        return tuple(found)

    def mapped_knowledge(self, choices: Choices | None = None) -> tuple[Knowledge, tuple[Finding, ...]]:
        """Return what overlays and taxonomy know, and what is wrong with the taxonomy; UsageError for an unknown overlay code."""
        said = choices or Choices()
        codes = (said.country or self.settings.country, said.industry or self.settings.industry)
        if codes not in self._mapped:
            known = compose(choose_overlays(*codes, self.overlays), self.library)
            self._mapped[codes] = map_existing_tags(self.folder, known)
        return self._mapped[codes]

    def knowledge(self, choices: Choices | None = None) -> Knowledge:
        """Return what overlays and taxonomy know; UsageError for an unknown overlay code or a file with mistakes."""
        mapped, findings = self.mapped_knowledge(choices)
        if has_errors(findings):
            fix = f"lampkeeper taxonomy --env {self.env}"
            raise UsageError("\n".join(f"{f.location}: {f.message}" for f in findings), fix=fix)
        return mapped

    @property
    def has_draft(self) -> bool:
        """Return whether the environment has a draft."""
        return (self.folder.generated_path / ABAC_FILE).is_file()

    @cached_property
    def draft_file(self) -> LayerRead:
        """Return the draft with its findings; UsageError when there is none."""
        return self.folder.draft()

    @property
    def draft(self) -> Desired:
        """Return the draft; UsageError when there is none or it has errors."""
        return clean_desired(self.draft_file)

    def write_draft(self, desired: Desired, layers: tuple[Layer, ...] = LAYERS) -> tuple[str, ...]:
        """Write the draft and its functions, which speaks for `layers`; return the paths that changed."""
        self.changed("draft_file")
        return tuple(str(p) for p in self.folder.write_draft(desired, layers))

    @cached_property
    def layers(self) -> LayerFiles:
        """Return the contents of the three layers' files, with their findings."""
        return self.folder.layers()

    def split(self, *, write: bool = True) -> tuple[Finding, ...]:
        """Write the draft into the layers' files; return what had to be decided on the way.

        Without `write` the files stay, and `layers` is what they would hold.
        """
        if not write:
            texts, findings = self.folder.layer_texts(self.draft)
            self.__dict__["layers"] = self.folder.layers(texts)
            return findings
        findings = self.folder.split(self.draft)
        # Read again: the account file also holds the groups of other environments, and a plan is made from the files.
        self.changed("layers")
        return findings

    @property
    def desired(self) -> Desired:
        """Return what the environment asks for: the draft when there is one, else the layers' files."""
        return self.draft if self.has_draft else self.layers.desired

    @property
    def first_step(self) -> str:
        """Return the command that gives the environment its first content."""
        return f"lampkeeper generate --env {self.env}"


class AccountInputs(EnvInputs):
    """The files of the account layer, for plan, apply and destroy of this layer alone."""

    own_layers = (Layer.ACCOUNT,)

    @cached_property
    def states(self) -> States:
        """Return the states: that of the account layer, and empty ones, which no file holds, for the others."""
        names = {la: "state.json" if la is Layer.ACCOUNT else f".{la}.json" for la in LAYERS}
        return States.load(self.env, {la: self.folder.path / name for la, name in names.items()})

    @property
    def first_step(self) -> str:
        """Return the command that gives the layer its first content."""
        return "lampkeeper plan --env dev writes the account layer of that environment"
