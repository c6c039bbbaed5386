"""Access of an environment's files made comparable with the access in a workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lampkeeper.app.hash_keys import no_key, with_key
from lampkeeper.app.lifecycle import desired_of, tables_in_scope
from lampkeeper.deploy.state import States
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.access import Access, AccessModel


def access_beside(folder: EnvFolder, live: Access) -> tuple[Access, Mapping[str, tuple[str, ...]]]:
    """Return the access of the files with the memberships that they do not manage as the workspace has them, and these.

    Who is in a group of an identity provider is not a difference between files and workspace. Keyed functions carry the id
    of the key last applied.
    """
    desired, _ = with_key(desired_of(folder), States.in_folder(folder.root, folder.env), no_key)
    model = AccessModel.of_desired(desired, tables_in_scope(folder, desired))
    outside = {group: people for group, people in live.model.members.items() if group not in desired.members and people}
    return Access(replace(model, members={**outside, **model.members})), outside
