"""The three layers, each with a folder, a state file and keys of its own."""

from __future__ import annotations

from enum import StrEnum


class Layer(StrEnum):
    """Applied in this order, destroyed in reverse. Account is shared by all envs."""

    ACCOUNT = "account"
    DATA_ACCESS = "data_access"
    WORKSPACE = "workspace"


LAYERS: tuple[Layer, ...] = (Layer.ACCOUNT, Layer.DATA_ACCESS, Layer.WORKSPACE)
