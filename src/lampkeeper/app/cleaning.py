"""Removal of the files that lampkeeper wrote into an environment's folder and can write again, and of its state."""

from __future__ import annotations

import shutil
from pathlib import Path

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.deploy.state import StateLock
from lampkeeper.model.layers import Layer

_REPRODUCED = ("generated", "ddl", "snapshot.json", "quotas.json", "report.html", "undecided.txt")
"""Files and folders that generate, report and the demo write."""


def orphans(inputs: EnvInputs) -> int:
    """Return how many objects of the workspace, or writes of an interrupted apply, only the states to be removed record.

    With a state table the files are copies.
    """
    if inputs.settings.state_table:
        return 0
    return sum(len(state.objects) + len(state.intents) for la, state in inputs.states.layers.items() if la in _own(inputs))


def clean(inputs: EnvInputs) -> tuple[Path, ...]:
    """Remove drafts, snapshot and states; return the removed paths. Raise UnsafePlanError while another run applies here.

    Files that people write stay, and so do the layer files, the ids of Genie spaces and, unless it is the environment, the
    account layer, which other environments share.
    """
    states = inputs.states
    files = [inputs.folder.path / name for name in _REPRODUCED]
    for layer in _own(inputs):
        files += [states[layer].path, states[layer].journal]
    removed = [path for path in files if path.exists()]
    with StateLock(states):
        for path in removed:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    return tuple(removed)


def _own(inputs: EnvInputs) -> tuple[Layer, ...]:
    shared = inputs.own_layers != (Layer.ACCOUNT,)
    return tuple(la for la in inputs.own_layers if not (shared and la is Layer.ACCOUNT))
