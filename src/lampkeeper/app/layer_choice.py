"""The layers that an environment manages, and the desired state of their files."""

from __future__ import annotations

from dataclasses import replace

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.files.folder import clean_desired
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.layers import LAYERS, Layer


def has_spaces_alone(inputs: EnvInputs) -> bool:
    """Return whether an environment manages Genie spaces and nothing else: by genie_only, or generated with `--mode genie`."""
    if Layer.WORKSPACE not in inputs.own_layers:
        return False
    if inputs.settings.genie_only:
        return True
    if inputs.has_draft and inputs.folder.draft_layers() != (Layer.WORKSPACE,):
        return False
    # A new environment has a file of the data access layer with nothing but comments.
    _, data_access, workspace = (replace(read.desired, groups=()) for read in inputs.layers.reads)
    return data_access == Desired() and (inputs.has_draft or bool(workspace.spaces))


def layers_desired(inputs: EnvInputs) -> Desired:
    """Return the desired state of the layers' files; with genie_only that of the workspace layer, without groups of others."""
    if Layer.WORKSPACE in inputs.own_layers and inputs.settings.genie_only:
        return replace(clean_desired(inputs.layers.reads[LAYERS.index(Layer.WORKSPACE)]), groups=())
    return inputs.layers.desired


def layers_for(inputs: EnvInputs, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Return the layers that a command manages: the workspace layer alone where an environment has nothing else.

    Raise UsageError if only other layers are named although genie_only is set.
    """
    if inputs.own_layers != LAYERS:
        return layers
    if Layer.WORKSPACE in layers:
        return (Layer.WORKSPACE,) if has_spaces_alone(inputs) else layers
    if inputs.settings.genie_only:
        raise UsageError(
            f"genie_only is set: this environment does not manage the layer {layers[0]}", fix="use --layer workspace, or none"
        )
    return layers
