"""References to models, their timeouts and their responses: endpoints with the OpenAI chat protocol.

Databricks serves it under {host}/serving-endpoints, Anthropic under https://api.anthropic.com/v1/ (vendors' documentation).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.remote.retry import Backoff


class Provider(StrEnum):
    """The provider of the endpoint; `OTHER` is any address with the protocol."""

    DATABRICKS = "databricks"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    OTHER = "other"


_HOMES = {Provider.OPENAI: "https://api.openai.com/v1", Provider.ANTHROPIC: "https://api.anthropic.com/v1/"}
_ADDRESSES = {Provider.OPENAI: "OPENAI_BASE_URL", Provider.ANTHROPIC: "ANTHROPIC_BASE_URL"}
_BACKOFF = Backoff(first=1.0, longest=30.0, jitter=0.25)
_FORMS = "databricks:ENDPOINT, openai:NAME, anthropic:NAME or https://host/v1#NAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """A model as the user names it. `base_url` is empty for Databricks: it follows from the workspace."""

    provider: Provider
    name: str
    base_url: str = ""

    @classmethod
    def parse(cls, text: str, environ: Mapping[str, str]) -> ModelRef:
        """Parse a reference; raise UsageError with the valid forms."""
        if "://" in text:
            base, mark, name = text.rpartition("#")
            address = urlsplit(base)
            if not mark or not name or address.scheme not in ("http", "https") or not address.hostname or address.username:
                raise UsageError(f"--model {text!r} is not the address of a model", fix="write https://host/v1#NAME")
            return cls(provider=Provider.OTHER, name=name, base_url=base)
        head, mark, name = text.partition(":")
        if not mark or not name.strip() or head not in (Provider.DATABRICKS, Provider.OPENAI, Provider.ANTHROPIC):
            raise UsageError(f"--model {text!r} is not understood", fix=f"write {_FORMS}")
        provider = Provider(head)
        base = environ.get(_ADDRESSES.get(provider, ""), "") or _HOMES.get(provider, "")
        return cls(provider=provider, name=name.strip(), base_url=base)

    def __str__(self) -> str:
        """Return the reference as users write it."""
        return f"{self.base_url}#{self.name}" if self.provider is Provider.OTHER else f"{self.provider}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTimeouts:
    """Timeouts in seconds: `silence` without a byte, `answer` for one whole response, `deadline` for all tries of one request,
    of which there are at most `tries`; an unreachable address is tried three times."""

    silence: float = 60.0
    answer: float = 180.0
    deadline: float = 300.0
    backoff: Backoff = _BACKOFF
    tries: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A model's response: its content (text, or a list of blocks), the reason for its end, tokens as the endpoint counts them."""

    content: str | list[Any]
    finish: str
    refusal: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    tries: int = 1

    @property
    def cut(self) -> bool:
        """Return whether the response was cut at the token limit, or the stream ended without a reason."""
        return self.finish in ("length", "max_tokens", "")

    @property
    def refused(self) -> bool:
        """Return whether the model, or a filter in front of it, refused to respond."""
        return bool(self.refusal) or self.finish in ("content_filter", "refusal")


def fatal(error: RemoteError) -> bool:
    """Return whether every other request would fail in the same way."""
    return error.status in {401, 403, 404} or 300 <= error.status < 400 or error.code == "NO_CONNECTION"
