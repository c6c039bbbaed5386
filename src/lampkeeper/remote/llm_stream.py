"""Assembles the response of a chat endpoint, whole or in chunks, in the formats of several vendors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

MOST_CHARACTERS = 2_000_000
"""The most characters kept of a response; a longer stream is closed."""


@dataclass(slots=True)
class StreamedResponse:
    """A response as far as it has arrived; `finish` stays empty if the endpoint gives no reason for the end."""

    content: str | list[Any] = ""
    finish: str = ""
    refusal: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    _size: int = field(default=0)

    def add(self, content: Any) -> None:
        """Add a piece: text, or blocks as gpt-oss on Databricks sends them (source: platform docs, structured outputs)."""
        if isinstance(content, str) and isinstance(self.content, str):
            self.content += content
        elif isinstance(content, str):
            self._blocks().append({"type": "text", "text": content})
        elif isinstance(content, list):
            self._blocks().extend(_plain(block) for block in content)
        self._size += len(str(content))

    def count(self, usage: Any) -> None:
        """Record the endpoint's count of tokens."""
        if usage is not None:
            self.input_tokens = int(getattr(usage, "prompt_tokens", 0) or 0)
            self.output_tokens = int(getattr(usage, "completion_tokens", 0) or 0)

    @property
    def full(self) -> bool:
        """Return whether the response exceeds the limit."""
        return self._size > MOST_CHARACTERS

    def _blocks(self) -> list[Any]:
        if isinstance(self.content, str):
            self.content = [{"type": "text", "text": self.content}] if self.content else []
        return self.content


def read_whole(answer: Any) -> StreamedResponse:
    """Return a response that arrived in one piece."""
    received = StreamedResponse()
    received.count(getattr(answer, "usage", None))
    for choice in (getattr(answer, "choices", None) or ())[:1]:
        received.finish = str(choice.finish_reason or "")
        message = choice.message
        if message is not None:
            received.add(message.content)
            received.refusal = str(getattr(message, "refusal", None) or "")
    return received


def read_stream(chunks: Iterable[Any], late: Callable[[], bool]) -> StreamedResponse:
    """Return a response that arrives in chunks; raise TimeoutError after the deadline, as a slow stream is never silent."""
    received = StreamedResponse()
    for chunk in chunks:
        if late():
            raise TimeoutError
        received.count(getattr(chunk, "usage", None))
        for choice in (getattr(chunk, "choices", None) or ())[:1]:
            received.finish = str(choice.finish_reason or "") or received.finish
            delta = choice.delta
            if delta is not None:
                received.add(delta.content)
                received.refusal += str(getattr(delta, "refusal", None) or "")
        if received.full:
            received.finish = "length"
            break
    return received


def _plain(block: Any) -> Any:
    return block if isinstance(block, dict) else getattr(block, "__dict__", {})
