"""Renders HTML from the templates beside this module: whole pages that load nothing from elsewhere, and notebook fragments.

Every value is escaped, a misspelt name in a template is an error, and a character that does not print is shown by its code. No
other module of the package writes HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """Return a template, `templates/<template>`, filled in; raise jinja2.UndefinedError for a value that is not given."""
    return _templates().get_template(template).render(values)


def join_fragments(template: str, fragments: Sequence[str], **values: Any) -> str:
    """Return a template filled with `fragments`, which are HTML already: results of `render`, or a page of partnercert."""
    from markupsafe import Markup

    return render(template, fragments=[Markup(one) for one in fragments], **values)  # noqa: S704  (HTML already)


def visible(value: object) -> str:
    """Return the text of a value; characters that do not print, except new lines, become codes such as \\u202e."""
    text = str(value)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text)


@cache
def _templates() -> Environment:
    # Imported here because most commands render no page.
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    return Environment(
        loader=PackageLoader("lampkeeper.html", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        # Filters such as join return Markup, escaped but not yet made visible.
        finalize=lambda value: Markup(visible(value)) if isinstance(value, Markup) else visible(value),  # noqa: S704
        trim_blocks=True,
        lstrip_blocks=True,
    )
