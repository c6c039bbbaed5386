"""The three layers, each with its own folder, state file and keys."""

from __future__ import annotations

from enum import StrEnum


class Layer(StrEnum):
    """The layers in order of apply; destroy reverses it. All environments share the account layer."""

    ACCOUNT = "account"
    DATA_ACCESS = "data_access"
    WORKSPACE = "workspace"


LAYERS: tuple[Layer, ...] = (Layer.ACCOUNT, Layer.DATA_ACCESS, Layer.WORKSPACE)
