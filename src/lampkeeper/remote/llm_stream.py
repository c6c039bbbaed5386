"""What comes back from a chat endpoint, in one piece or in chunks, put together; shapes of several vendors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

MOST_CHARACTERS = 2_000_000
"""What is kept of an answer; a stream that goes on past it is left."""


@dataclass(slots=True)
class StreamedResponse:
    """An answer as far as it has come; `finish` stays empty when no reason for the end was given."""

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
        """Take over the endpoint's count of tokens."""
        if usage is not None:
            self.input_tokens = int(getattr(usage, "prompt_tokens", 0) or 0)
            self.output_tokens = int(getattr(usage, "completion_tokens", 0) or 0)

    @property
    def full(self) -> bool:
        """Say whether more than a sane answer has come."""
        return self._size > MOST_CHARACTERS

    def _blocks(self) -> list[Any]:
        if isinstance(self.content, str):
            self.content = [{"type": "text", "text": self.content}] if self.content else []
        return self.content


def hear_whole(answer: Any) -> StreamedResponse:
    """Return an answer that came in one piece."""
    received = StreamedResponse()
    received.count(getattr(answer, "usage", None))
    for choice in (getattr(answer, "choices", None) or ())[:1]:
        received.finish = str(choice.finish_reason or "")
        message = choice.message
        if message is not None:
            received.add(message.content)
            received.refusal = str(getattr(message, "refusal", None) or "")
    return received


def hear_stream(chunks: Iterable[Any], late: Callable[[], bool]) -> StreamedResponse:
    """Return an answer that comes in chunks; raise TimeoutError when it gets late: a trickle never runs into silence."""
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
