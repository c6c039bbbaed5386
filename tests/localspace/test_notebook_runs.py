"""Notebook tasks: the page that `runs/export` returns, and which packages a notebook finds."""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Iterator

import pytest
from databricks.sdk.service import jobs
from databricks.sdk.service.workspace import ImportFormat

from support.fake_runner import fake_runner
from support.jobs import Jobs
from support.localspace_server import running_localspace

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def flow() -> Iterator[Jobs]:
    with running_localspace(build_runner=fake_runner) as running:
        yield Jobs(running.client())


def _notebook(flow: Jobs, key: str, source: str) -> jobs.Task:
    path = flow.notebook(key, "# Databricks notebook source\n" + source)
    return jobs.Task(task_key=key, notebook_task=jobs.NotebookTask(notebook_path=path))


def test_an_export_shows_markdown_html_and_tables_as_a_page(flow: Jobs) -> None:
    source = (
        "# MAGIC %md\n# MAGIC # Title\n# MAGIC\n# MAGIC - one <i>x</i>\n\n# COMMAND ----------\n\n"
        "print('before')\ndisplayHTML('<svg onload=alert(1)></svg>')\nprint('after')\n\n# COMMAND ----------\n\n"
        "class Frame:\n    columns = ['a']\n    def to_html(self, **_): return '<table><td>cell</td></table>'\n"
        "    def to_string(self): return 'a'\n\ndisplay(Frame())\n"
    )
    ended = flow.run(_notebook(flow, "main", source))
    content = (flow.client.jobs.export_run(ended.task("main").run_id or 0).views or [])[0].content or ""
    assert "<h1>Title</h1>" in content
    assert "<ul><li>one &lt;i&gt;x&lt;/i&gt;</li></ul>" in content
    frames = re.findall(r'<iframe sandbox srcdoc="([^"]*)"></iframe>', content)
    assert [html.unescape(one).partition("</style>")[2] for one in frames] == [
        "<svg onload=alert(1)></svg>",
        "<table><td>cell</td></table>",
    ]
    assert "<svg" not in content, "the page itself has no element of the notebook"
    assert content.index("output>before") < content.index(frames[0]) < content.index("output>after")


def test_a_notebook_finds_no_package_of_this_project_until_pip_installs_its_wheel(flow: Jobs) -> None:
    look = (
        "try:\n    import lampkeeper\n    found = lampkeeper.__doc__\n"
        "except ModuleNotFoundError as error:\n    found = f'{error.name} is missing'\nprint(found)\n"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("lampkeeper/__init__.py", "'''the one of the wheel'''\n")
        archive.writestr("lampkeeper-9.dist-info/METADATA", "Metadata-Version: 2.1\nName: lampkeeper\nVersion: 9\n")
    path = f"{flow.folder}/lampkeeper-9-py3-none-any.whl"
    flow.client.workspace.upload(path, packed.getvalue(), format=ImportFormat.RAW, overwrite=True)
    cells = {
        "without": look,
        "magic": f"# MAGIC %pip install --quiet ./lampkeeper-9-py3-none-any.whl\n\n# COMMAND ----------\n\n{look}",
        "inside": f"if True:\n    %pip install {path}\n{look}",
        "named": "# MAGIC %pip install lampkeeper\n",
    }
    ended = flow.run(*(_notebook(flow, key, source) for key, source in cells.items()))
    pages = {k: (flow.client.jobs.export_run(ended.task(k).run_id or 0).views or [])[0].content or "" for k in cells}
    assert "lampkeeper is missing" in pages["without"]
    for key in ("magic", "inside"):
        assert ended.results[key] == "SUCCESS", ended.output(key).error
        assert "Successfully installed lampkeeper-9-py3-none-any.whl" in pages[key]
        assert "the one of the wheel" in pages[key]
    assert ended.results["named"] == "FAILED"
    assert "install nothing from a network" in (ended.output("named").error or "")
