"""HCL as people write it: random values, each written in one of the forms that the language has for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from lampkeeper.files.hcl import quote_hcl

Written = tuple[str, Any]
"""A text and the value that it means."""

_LETTERS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff\u2028\u2029"), max_size=8)
_BARE = st.from_regex(r"[a-zA-Z_é][a-zA-Z0-9_é-]{0,6}", fullmatch=True) | st.sampled_from(["for", "in", "if", "true", "null"])
_BLANKS = st.sampled_from(["", " ", "  ", "\t", " /* c */ ", ' /* = ${ " */'])
_ENDS = st.sampled_from(["\n", "\n\n", ' # c " ${ {\n', " // <<EOT\n", "\r\n", " /* c */\n", "\n# c\n  /* a\nb */\n"])
_GAPS = st.sampled_from(["", " ", "\n", " # c ]\n", "/* , */"])


@st.composite
def _quoted(draw: Callable[..., Any]) -> Written:
    parts = draw(
        st.lists(
            st.tuples(_LETTERS, _LETTERS).map(lambda pair: (quote_hcl(pair[0])[1:-1], pair[0]))
            | st.sampled_from([
                ("\\n", "\n"), ("\\t", "\t"), ('\\"', '"'), ("\\\\", "\\"), ("\\u00e9", "é"), ("\\U0001F600", "\U0001f600"),
                ("$${", "${"), ("%%{", "%{"), ("$", "$"), ("%", "%"), ("$$", "$$"), ("}", "}"), ("#", "#"), ("//", "//"),
                ("/*", "/*"), ("<<EOT", "<<EOT"),
            ]),
            max_size=5,
        )
    )  # fmt: skip
    # Two parts beside each other may make a mark that neither is: `$` before `$${` or `{`.
    text, value = "", ""
    for written, meant in parts:
        joined = text + written
        if text and text[-1] in "$%" and (written[0:1] in "${%"):
            continue
        text, value = joined, value + meant
    return f'"{text}"', value


@st.composite
def _heredoc(draw: Callable[..., Any]) -> Written:
    word = draw(st.sampled_from(["EOT", "E", "END_1"]))
    lines = draw(
        st.lists(st.sampled_from(["", "one", "  two", '"q" \\n', "$${x", "a # b", "EOTX", "} ]", "é", "%%{ y }"]), max_size=4)
    )
    margin = draw(st.sampled_from(["", "    "]))
    trimmed = draw(st.booleans())
    body = "".join(f"{margin}{line}\n" if line else "\n" for line in lines)
    value = "".join(f"{line if trimmed else margin + line}\n" if line else "\n" for line in lines)
    if trimmed and any(lines):
        least = min(len(line) - len(line.lstrip()) for line in lines if line)
        value = "".join(f"{line[least:]}\n" if line else "\n" for line in lines)
    end = draw(st.sampled_from(["", "  "])) + word + draw(st.sampled_from(["", " "]))
    return f"<<{'-' if trimmed else ''}{word}\n{body}{end}", value.replace("$${", "${").replace("%%{", "%{")


_NUMBERS = st.integers().map(lambda n: (str(n), n)) | st.sampled_from([
    ("-5", -5), ("0", 0), ("-0.5", -0.5), ("1e5", 1e5), ("-2.5E-3", -2.5e-3), ("12.0", 12.0), ("1E+2", 1e2),
])  # fmt: skip
_WORDS = st.sampled_from([("true", True), ("false", False), ("null", None)])
_SCALARS = _quoted() | _NUMBERS | _WORDS


@st.composite
def _list(draw: Callable[..., Any], inner: st.SearchStrategy[Written]) -> Written:
    items = draw(st.lists(inner, max_size=3))
    text = ",".join(draw(_GAPS) + _closed(one, draw(_GAPS)) for one, _ in items)
    comma = draw(st.sampled_from(["", ","])) if items else ""
    return f"[{text}{comma}{draw(_GAPS)}]", [value for _, value in items]


@st.composite
def _map(draw: Callable[..., Any], inner: st.SearchStrategy[Written]) -> Written:
    keys = draw(st.lists(_BARE.map(lambda k: (k, k)) | _quoted(), max_size=3, unique_by=lambda pair: pair[1]))
    text, values = "", {}
    for key, name in keys:
        one, value = draw(inner)
        mark = draw(st.sampled_from(["=", ":"]))
        # After a heredoc comes its new line, which ends the entry; a comma after that would be one too many.
        end = draw(_ENDS if one.startswith("<<") else st.sampled_from([",", ", ", ",\n"]) | _ENDS)
        text += f"{draw(_BLANKS)}{key}{draw(_BLANKS)}{mark}{draw(_BLANKS)}{_closed(one, end)}"
        values[name] = value
    return f"{{{draw(_GAPS)}{text}{draw(_GAPS)}}}", values


def _closed(text: str, after: str) -> str:
    """Return a text and what follows; a heredoc must be alone on its last line."""
    return f"{text}\n{after}" if text.startswith("<<") and not after.startswith(("\n", "\r\n")) else text + after


_VALUES = st.recursive(_SCALARS | _heredoc(), lambda inner: _list(inner) | _map(inner), max_leaves=8)


@st.composite
def hcl_files(draw: Callable[..., Any]) -> Written:
    """Return a variables file and the values that it sets."""
    names = draw(st.lists(_BARE, max_size=4, unique=True))
    text, values = draw(st.sampled_from(["", "\ufeff", "# c\n", "\n /* a\n b */\n"])), {}
    for name in names:
        one, value = draw(_VALUES)
        text += f"{name}{draw(_BLANKS)}={draw(_BLANKS)}{_closed(one, draw(_ENDS))}"
        values[name] = value
    return text, values
