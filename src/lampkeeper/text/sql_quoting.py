r"""Converts names and strings to Databricks SQL and back: the only way in which either enters a statement.

A name is written in back-ticks, with inner back-ticks doubled and no other escapes (source: platform docs, Identifiers).
A string is written in single quotes without the prefix `r`. Backslash escapes are `\n`, `\r`, `\t`, `\b`, `\0`, `\Z`, three
octal digits from `\000` to `\177`, `\uXXXX`, `\UXXXXXXXX`; `\%` and `\_` keep their backslash; before any other character it
is dropped, and a doubled quote is one quote (source: platform docs, STRING type; Spark 4.1, SparkParserUtils.unescapeSQLString).

Before parsing, Spark replaces `${name}` in a statement, also within literals and also by environment variables of the driver,
unless `spark.sql.variable.substitute` is off (source: Spark 4.1, VariableSubstitution). Therefore a literal never contains
`${`: a comment in a catalog must not be able to read the driver's environment.
"""

from __future__ import annotations

import re

_WRITTEN = re.compile(r"[\\'\n\r\0]|(?<=\$)\{")
_ESCAPED = {"\n": "\\n", "\r": "\\r", "\0": "\\u0000"}
# Not `\0` for NUL: a digit after it would become part of an octal number.
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([01][0-7]{2})|(.))|''|\"\"", re.DOTALL)
_MEANINGS = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}


def quote_identifier(name: str) -> str:
    """Return a name in back-ticks."""
    return "`" + name.replace("`", "``") + "`"


def quote_path(*parts: str) -> str:
    """Return a dotted name, every part in back-ticks."""
    return ".".join(quote_identifier(part) for part in parts)


def quote_string(text: str) -> str:
    """Return a one-line literal with exactly this value."""
    return "'" + _WRITTEN.sub(lambda m: _ESCAPED.get(m.group(), "\\" + m.group()), text) + "'"


def identifier_value(written: str) -> str:
    """Return the name that a word, or a name in back-ticks, denotes."""
    return written[1:-1].replace("``", "`") if written.startswith("`") else written


def string_value(literal: str) -> str:
    """Return the value of a literal in single or double quotes, raw or not."""
    if literal[0] in "rR":
        return literal[2:-1]
    return _ESCAPE.sub(lambda m: _meaning(m, literal[0]), literal[1:-1])


def _meaning(found: re.Match[str], quote: str) -> str:
    short, long, octal, other = found.groups()
    if found.lastindex is None:
        return quote if found.group() == quote * 2 else found.group()
    if other is not None:
        return _MEANINGS.get(other, other)
    number = int(octal, 8) if octal else int(short or long, 16)
    # For a lone surrogate, and for a code point above the last one, Spark inserts a question mark.
    return chr(number) if number < 0xD800 or 0xDFFF < number <= 0x10FFFF else "?"
