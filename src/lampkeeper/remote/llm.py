"""Which model is asked, how long, and what it answered: endpoints that speak the OpenAI chat protocol.

Databricks serves it under {host}/serving-endpoints, Anthropic under https://api.anthropic.com/v1/ (vendors' documentation).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from lampkeeper.model.errors import RemoteError, UsageError


class Provider(StrEnum):
    """Whose endpoint it is; `OTHER` is any address that speaks the protocol."""

    DATABRICKS = "databricks"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    OTHER = "other"


_HOMES = {Provider.OPENAI: "https://api.openai.com/v1", Provider.ANTHROPIC: "https://api.anthropic.com/v1/"}
_ADDRESSES = {Provider.OPENAI: "OPENAI_BASE_URL", Provider.ANTHROPIC: "ANTHROPIC_BASE_URL"}
_FORMS = "databricks:ENDPOINT, openai:NAME, anthropic:NAME or https://host/v1#NAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """A model as the user names it. `base_url` is empty for Databricks: the workspace knows its own."""

    provider: Provider
    name: str
    base_url: str = ""

    @classmethod
    def parse(cls, text: str, environ: Mapping[str, str]) -> ModelRef:
        """Read a reference; raise UsageError that shows the forms."""
        if "://" in text:
            base, mark, name = text.rpartition("#")
            address = urlsplit(base)
            if not mark or not name or address.scheme not in ("http", "https") or not address.hostname or address.username:
                raise UsageError(f"--model {text!r} is no address of a model", fix="write https://host/v1#NAME")
            return cls(provider=Provider.OTHER, name=name, base_url=base)
        head, mark, name = text.partition(":")
        if not mark or not name.strip() or head not in (Provider.DATABRICKS, Provider.OPENAI, Provider.ANTHROPIC):
            raise UsageError(f"--model {text!r} is not understood", fix=f"write {_FORMS}")
        provider = Provider(head)
        base = environ.get(_ADDRESSES.get(provider, ""), "") or _HOMES.get(provider, "")
        return cls(provider=provider, name=name.strip(), base_url=base)

    def __str__(self) -> str:
        """Return the form people write."""
        return f"{self.base_url}#{self.name}" if self.provider is Provider.OTHER else f"{self.provider}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTimeouts:
    """Seconds: `silence` without a byte, `answer` for one whole answer, `deadline` for all tries of one question, `tries` of
    them at most; an address that cannot be reached is tried three times."""

    silence: float = 60.0
    answer: float = 180.0
    deadline: float = 300.0
    first_pause: float = 1.0
    longest_pause: float = 30.0
    tries: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model answered: content as it came (text, or a list of blocks), why it ended, tokens as the endpoint counts."""

    content: str | list[Any]
    finish: str
    refusal: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    tries: int = 1

    @property
    def cut(self) -> bool:
        """Say whether the answer ended for its length, or the stream ended without a reason."""
        return self.finish in ("length", "max_tokens", "")

    @property
    def refused(self) -> bool:
        """Say whether the model, or a filter before it, would not answer."""
        return bool(self.refusal) or self.finish in ("content_filter", "refusal")


def fatal(error: RemoteError) -> bool:
    """Say whether the same failure is sure to meet every other question too."""
    return error.status in {401, 403, 404} or 300 <= error.status < 400 or error.code == "NO_CONNECTION"
