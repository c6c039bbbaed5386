"""The ids of the created Genie spaces, one file per space, for scripts that expect them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lampkeeper.deploy.kinds import GENIE_SPACE
from lampkeeper.deploy.state import States
from lampkeeper.files.text import SECRET_MODE, write_text
from lampkeeper.model.layers import Layer


@contextmanager
def kept_space_ids(states: States) -> Iterator[None]:
    """After a block that may create and delete spaces, write `.genie_space_id_<key>` next to the state for each owned space.

    Files of other spaces are not changed.
    """
    before = _ids(states)
    try:
        yield
    finally:
        now = _ids(states)
        for path in before.keys() - now.keys():
            path.unlink(missing_ok=True)
        for path, space_id in now.items():
            if not path.exists() or before.get(path) != space_id:
                write_text(path, f"{space_id}\n", mode=SECRET_MODE)


def _ids(states: States) -> dict[Path, str]:
    folder = states[Layer.WORKSPACE].path.parent
    owned = states.owned(GENIE_SPACE)
    made = {key: one for key, one in owned.items() if one.original is None and not GENIE_SPACE.of_others(one.spec)}
    return {folder / f".genie_space_id_{key}": one.remote_id for key, one in made.items() if one.remote_id}
