"""The exchange with a model about one subject: how it is asked, what the answers cost, how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lampkeeper.design.classify.reply import text_of
from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.llm import Answer

if TYPE_CHECKING:
    from lampkeeper.remote.llm_client import Model

_ECHO = 20_000
"""How many characters of an answer the model is shown again with what is wrong with it."""
_ERRORS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """How to ask: answers tried for one prompt, tables at once, USD for a million tokens in and out (None: unknown)."""

    answers: int = 3
    at_once: int = 4
    prices: tuple[float, float] | None = None

    def cost(self, input_tokens: int, output_tokens: int) -> float | None:
        """Return what the tokens cost in USD, None when no price is known."""
        if self.prices is None:
            return None
        return round((input_tokens * self.prices[0] + output_tokens * self.prices[1]) / 1_000_000, 6)


@dataclass(slots=True, kw_only=True)
class ModelExchange:
    """What asking a model about one subject came to.

    `digest` is the fingerprint of what is asked. `remembered`: answered before, so not asked again; `skipped`: not asked because
    the endpoint had failed; `refused`: the model would not answer; `failure`: the endpoint failed here.
    """

    digest: str
    errors: list[str] = field(default_factory=list)
    remembered: bool = False
    skipped: bool = False
    refused: bool = False
    answers: int = 0
    tries: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    failure: RemoteError | None = None

    def ask(self, model: Model, messages: Iterable[Mapping[str, str]], *, most_tokens: int, schema: Mapping[str, Any]) -> Answer:
        """Ask once and count what it cost; raise RemoteError when the endpoint fails."""
        answer = model.ask(list(messages), most_tokens=most_tokens, schema=schema)
        self.answers += 1
        self.tries += answer.tries
        self.input_tokens += answer.input_tokens
        self.output_tokens += answer.output_tokens
        self.refused = answer.refused
        return answer

    def as_dict(self) -> dict[str, Any]:
        """Return what the record of a run keeps of every exchange."""
        return {
            "digest": self.digest, "remembered": self.remembered, "answers": self.answers, "tries": self.tries,
            "input_tokens": self.input_tokens, "output_tokens": self.output_tokens, "refused": self.refused,
            "skipped": self.skipped, "failure": self.failure.message if self.failure else "",
            "errors": self.errors[:_ERRORS_SHOWN],
        }  # fmt: skip


def correction(answer: Answer, feedback: str) -> list[dict[str, str]]:
    """Return the conversation's next turns: what was answered, and what is wrong with it."""
    return [
        {"role": "assistant", "content": text_of(answer.content)[:_ECHO] or "(nothing)"},
        {"role": "user", "content": feedback},
    ]
