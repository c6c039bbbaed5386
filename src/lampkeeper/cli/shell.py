"""completion and status: shell completion, and an overview of the environments."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.cli.app import common
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import workspace_of
from lampkeeper.cli.program import program
from lampkeeper.deploy.kinds import TABLE_CONTROL
from lampkeeper.files.folder import EnvFolder, environments
from lampkeeper.model.errors import InternalError
from lampkeeper.model.labels import count_labels, counted_words
from lampkeeper.model.layers import LAYERS
from lampkeeper.model.schema import Snapshot
from lampkeeper.remote.controls import ControlsRead, read_controls

_VARIABLE = "_LAMPKEEPER_COMPLETE"
_INSTALL = {
    "bash": "eval \"$(lampkeeper completion bash)\"   # in ~/.bashrc",
    "zsh": "eval \"$(lampkeeper completion zsh)\"   # in ~/.zshrc, after compinit",
    "fish": "lampkeeper completion fish | source   # in ~/.config/fish/config.fish",
}  # fmt: skip


@click.command("completion")
@click.argument("shell", type=click.Choice(sorted(_INSTALL)))
@common(env=False)
def completion_command(context: CommandContext, shell: str) -> Outcome:
    """Print the completion script for SHELL."""
    found = get_completion_class(shell)
    if found is None:
        raise InternalError(f"no completion for {shell}")
    script = found(program, {}, "lampkeeper", _VARIABLE).source()
    context.console.line(script)
    context.console.note(f"to load it in every shell: {_INSTALL[shell]}")
    return Outcome(document={"shell": shell, "script": script, "install": _INSTALL[shell]})


@click.command("status")
@click.option("--live", is_flag=True, help="Sign in and list masks and row filters that are set directly on tables.")
@common(env=False, workspace=True)
def status_command(context: CommandContext, live: bool) -> Outcome:
    """Show each environment: snapshot, labels, draft, applied layers, adopted controls; with --live also controls on tables."""
    document = []
    for env in environments(context.root):
        inputs = EnvInputs(EnvFolder(context.root, env))
        states, taken, drafted = inputs.states, inputs.snapshot, inputs.has_draft
        labels = count_labels(inputs.labels) if inputs.folder.labels_path.is_file() else {}
        layers = {str(la): {"serial": states[la].serial, "objects": len(states[la].objects)} for la in LAYERS}
        adopted = sorted(states.owned(TABLE_CONTROL))
        found = _controls_on(context, inputs, taken) if live and taken is not None else None
        document.append(
            {
                "env": env,
                "snapshot": {"taken_at": taken.taken_at, "tables": len(taken.tables)} if taken else None,
                "labels": labels,
                "draft": drafted,
                "layers": layers,
                "unfinished": [str(la) for la in LAYERS if states[la].intents],
                "adopted_controls": adopted,
                "controls": found.as_dict() if found else None,
            }
        )
        context.console.line(env, "bold")
        context.console.line(f"  snapshot  {f'{len(taken.tables)} tables, {taken.taken_at}' if taken else 'none'}")
        context.console.line(f"  labels    {', '.join(counted_words(labels)) or 'none'}")
        context.console.line(f"  draft     {'yes' if drafted else 'none'}")
        for layer, facts in layers.items():
            context.console.line(f"  {layer:<11} serial {facts['serial']}, {facts['objects']} objects")
        for key in adopted:
            context.console.line(f"  adopted     {key}: destroy restores the original")
        for line in found.lines() if found else ():
            context.console.line(f"  on tables   {line}")
    if not document:
        context.console.line(f"no environment under {context.root / 'envs'}; create one with `lampkeeper setup`")
    return Outcome(document=document)


def _controls_on(context: CommandContext, inputs: EnvInputs, taken: Snapshot) -> ControlsRead:
    return read_controls(workspace_of(context, inputs, any_warehouse=True), [table.name for table in taken.tables])


COMMANDS = (completion_command, status_command)
