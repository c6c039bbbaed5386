"""The links of a notebook: to the jobs of its bundle and to the other notebooks."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

from lampkeeper.html import render

NOTEBOOKS: Mapping[str, str] = {
    "tour": "what changed for whom, and why",
    "explore": "two principals side by side, and why",
    "decide": "undecided columns",
    "plan": "proposed plans",
    "verify": "proofs by queries",
    "drift": "drift, exemptions and waivers",
    "partner_connect": "certification of a partner",
}
"""The notebooks in their order, each with its subject."""


def links_page(name: str, path: str, host: str, deployed: Mapping[str, int], wanted: Iterable[str]) -> str:
    """Return the links as HTML.

    `deployed` are the ids of the jobs by name, `wanted` parts of these names; `path` is the notebook's path in the workspace,
    empty on a laptop.
    """
    folder = posixpath.dirname(path)
    notebooks = [
        (other, f"{host}/#workspace{folder.removeprefix('/Workspace')}/{other}" if folder else f"{other}.ipynb", subject)
        for other, subject in NOTEBOOKS.items()
        if other != name
    ]
    jobs = [
        (name, f"{host}/jobs/{job_id}")
        for title in wanted
        for name, job_id in deployed.items()
        if title.casefold() in name.casefold()
    ]
    return render("links.html", jobs=jobs, notebooks=notebooks, missing="" if jobs else ", ".join(wanted))
