"""The notebook of a run as an HTML page, as `runs/export` returns it: each cell with what it showed.

HTML that a cell shows is in a frame of its own without scripts, as the platform keeps it apart from the page
(source: platform docs, HTML in notebooks). Everything else is text and escaped.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

from localspace.core.stored_documents.jobs import StoredTaskRun

_STYLE = (
    "body{font:14px sans-serif;margin:1rem 2rem}pre{padding:.5rem;margin:0;white-space:pre-wrap}.source{background:#f4f4f4}"
    ".error{color:#a00}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2rem .5rem;text-align:left}"
    "iframe{border:0;width:100%;height:24rem}"
)


def notebook_page(task_run: StoredTaskRun, cells: list[dict[str, Any]]) -> str:
    """Return the page of one attempt of a notebook task."""
    title = escape(str(task_run["task"]["notebook_task"]["notebook_path"]))
    error = f"<pre class=error>{escape(task_run['error'])}</pre>" if task_run.get("error") else ""
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{title}</h1>{''.join(map(_cell, cells))}{error}</body></html>"
    )


def _cell(cell: dict[str, Any]) -> str:
    source = str(cell.get("source") or "")
    if cell.get("kind") == "md":
        return f"<section class=md>{_markdown(source)}</section>"
    shown = "".join(_output(str(one["kind"]), str(one["data"])) for one in cell.get("outputs") or ())
    return f"<section><pre class=source>{escape(source)}</pre>{shown}</section>"


def _output(kind: str, data: str) -> str:
    if kind == "html":
        return f'<iframe sandbox srcdoc="{escape(f"<style>{_STYLE}</style>{data}")}"></iframe>'
    return f"<pre class=output>{escape(data)}</pre>"


def _markdown(text: str) -> str:
    """Return headings, lists and paragraphs; the rest of Markdown stays as it is written."""
    parts: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() for line in block.splitlines()]
        heading = re.match(r"(#{1,6})\s+(.*)", lines[0]) if lines else None
        if heading:
            level = len(heading.group(1))
            parts.append(f"<h{level}>{_inline(heading.group(2))}</h{level}>")
            lines = lines[1:]
        if lines and all(line.startswith(("- ", "* ")) for line in lines):
            parts.append("<ul>" + "".join(f"<li>{_inline(line[2:])}</li>" for line in lines) + "</ul>")
        elif lines:
            parts.append(f"<p>{_inline(' '.join(lines))}</p>")
    return "".join(parts)


def _inline(text: str) -> str:
    shown = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    shown = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", shown)
    return re.sub(r"\[([^\]]+)\]\((https?://[^)\s]+|[\w./#-]+)\)", r'<a href="\2">\1</a>', shown)
