"""One HTML page that needs nothing but itself: no script, no font, no picture from anywhere."""

from __future__ import annotations

from html import escape

from partnercert.runner import Result
from partnercert.verdicts import CheckOutcome, Outcome, Problem

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#1c2024}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;
border-bottom:1px solid #dfe3e8}code{font-size:.92em}small{color:#5a6472}ul{margin:.2rem 0;padding-left:1.1rem}
.v{font-weight:600;white-space:nowrap;padding:.1rem .45rem;border-radius:.3rem;font-size:.85em}
.PASS,.SIGNED_OFF{background:#d8f3e0;color:#0b5a2a}.FAIL,.BLOCKED{background:#fbd9d7;color:#8c1310}
.WARN,.MANUAL_PENDING{background:#fdf0c8;color:#6b4c00}.NOT_APPLICABLE{background:#e8ebee;color:#454e58}
.head{padding:.8rem 1rem;border-radius:.5rem;font-size:1.1rem}details{margin:.2rem 0}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f6f7f9;padding:.6rem;border-radius:.3rem;font-size:.8em}
""".strip()


def render_html(result: Result) -> str:
    """Return the report as one HTML document."""
    word = "PASS" if result.certified else "FAIL"
    headline = "Nothing stands in the way" if result.certified else "Not certified"
    if result.automated_only:
        headline += " (automated part only)"
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">",
        '<link rel=icon href="data:,">',
        f"<title>Partner Connect certification: {escape(result.partner)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(result.partner)}</h1><p class='head {word}'>{headline}. {escape(result.summary())}</p>",
        _facts(result),
        _waiting(result),
        "<h2>Cases</h2><table><thead><tr><th>Case<th>Verdict<th>What was seen</tr></thead><tbody>",
        *(_case_row(outcome) for outcome in result.outcomes),
        "</tbody></table>",
    ]
    if result.checks:
        parts.append("<h2>Beyond the cases</h2><table><thead><tr><th>Check<th>Verdict<th>What was seen</tr></thead><tbody>")
        parts += [_check_row(check) for check in result.checks]
        parts.append("</tbody></table>")
    parts.append(_transcript(result))
    return "\n".join(parts) + "\n</body></html>\n"


def _facts(result: Result) -> str:
    rows = {
        "Service": result.base_url,
        "API version": result.api_version,
        "Config (SHA-256)": result.config_sha256,
        "Run": f"{result.started}, seed {result.seed}",
    }
    return "<table>" + "".join(f"<tr><th>{k}<td>{escape(v)}</tr>" for k, v in rows.items()) + "</table>"


def _waiting(result: Result) -> str:
    if not result.waiting:
        return ""
    rows = "".join(f"<li>{o.case}: {escape('; '.join(o.manual))}</li>" for o in result.waiting)
    return f"<h2>Waiting for a person</h2><ul>{rows}</ul>"


def _case_row(outcome: Outcome) -> str:
    optional = " <small>optional</small>" if outcome.optional else ""
    said = f"<p>Signed off: {escape(outcome.sign_off)}</p>" if outcome.sign_off else ""
    return (
        f"<tr id={outcome.case}><td><b>{outcome.case}</b>{optional}<br><small>{escape(outcome.title)}</small>"
        f"<td><span class='v {outcome.verdict}'>{outcome.verdict}</span>"
        f"<td>{escape(outcome.reason)}{_problems(outcome.problems)}{said}</tr>"
    )


def _check_row(check: CheckOutcome) -> str:
    return (
        f"<tr id={check.check}><td><b>{check.check}</b><br><small>{escape(check.title)}</small>"
        f"<td><span class='v {check.verdict}'>{check.verdict}</span><td>{escape(check.reason)}{_problems(check.problems)}</tr>"
    )


def _problems(problems: tuple[Problem, ...]) -> str:
    if not problems:
        return ""
    rows = "".join(f"<li>{p.severity} <code>{escape(p.code)}</code> {escape(p.message)}</li>" for p in problems)
    return f"<ul>{rows}</ul>"


def _transcript(result: Result) -> str:
    """Show what was exchanged in the cases that have a problem; the rest is in the evidence folder."""
    wanted = {number for o in result.outcomes if o.verdict in ("FAIL", "WARN", "BLOCKED") for number in o.exchanges[:40]}
    if not wanted:
        return ""
    rows = []
    for e in result.exchanges:
        if e.number in wanted:
            shown = f"{e.method} {e.url}\n{e.request_body}\n\n{e.failure or e.status}\n{e.reply_body}"
            rows.append(f"<details><summary>{e.number} {escape(e.step)}: {(e.failure and 'no answer') or e.status}</summary>")
            rows.append(f"<pre>{escape(shown)}</pre></details>")
    return "<h2>Transcripts of cases with a problem (secrets taken out)</h2>" + "".join(rows)
