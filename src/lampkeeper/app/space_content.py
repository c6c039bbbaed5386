"""Asking a model for the content of spaces, and laying what it said over the content drawn from the schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lampkeeper.app.model_exchange import ModelExchange, ModelOptions, correction
from lampkeeper.design.genie.space_prompt import ANSWER_TOKENS, SpacePrompt, content_schema, space_prompt
from lampkeeper.design.genie.space_reply import SpaceReply, laid_over, read_content, read_space_reply, space_feedback
from lampkeeper.design.genie.spaces import SpaceRequest
from lampkeeper.files.label_sources import RememberedSpace
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.genie import GenieSpace, space_key
from lampkeeper.model.schema import Snapshot

if TYPE_CHECKING:
    from lampkeeper.remote.llm_client import Model

_STANDS = "the content drawn from the schema stands"


class SpaceWriter(StrEnum):
    """Who writes the content of spaces: the schema alone, or a model over it where one is given."""

    OFFLINE = "offline"
    MODEL = "model"


@dataclass(slots=True, kw_only=True)
class SpaceExchange(ModelExchange):
    """What asking about one space came to. `unshown`: how many columns the prompt had no room for."""

    space: str
    content: Mapping[str, Any] | None = None
    problems: tuple[str, ...] = ()
    unshown: int = 0

    def findings(self, model: str) -> tuple[Finding, ...]:
        """Return why the space has no content from the model; dropped items are reported when the content is added."""
        if self.failure is not None:
            code, severity, why, fix = "model/failed", Severity.ERROR, f"{model}: {self.failure.message}", self.failure.fix
        elif self.content is None and not self.skipped:
            why = "the model refuses to answer" if self.refused else f"no usable answer in {self.answers}"
            why += f" ({'; '.join(self.errors[-2:])})" if self.errors else ""
            code, severity, fix = "model/space_unusable", Severity.WARNING, "run it again, or use another model"
        else:
            return ()
        return (Finding(code=code, severity=severity, location=f"space {self.space}", message=f"{why}; {_STANDS}", fix=fix),)

    def as_dict(self) -> dict[str, Any]:
        """Return its part of the run record."""
        # slots=True makes a second class, which a bare super() does not know.
        common = ModelExchange.as_dict(self)
        return {
            "space": self.space, "usable": self.content is not None, "dropped": list(self.problems[:20]),
            "unshown": self.unshown, **common,
        }  # fmt: skip


def space_prompts(snapshot: Snapshot, requests: Iterable[SpaceRequest]) -> dict[str, SpacePrompt]:
    """Return the prompt of each space that lampkeeper writes, by key; attached spaces keep their content."""
    found = {}
    for request in requests:
        tables = [snapshot.index[t] for t in request.tables if t in snapshot.index]
        if tables and not request.space_id:
            found[space_key(request.name)] = space_prompt(request.name, tables)
    return found


def ask_spaces(
    prompts: Mapping[str, SpacePrompt],
    model: Model,
    remembered: Mapping[str, RememberedSpace],
    model_options: ModelOptions,
    *,
    keep: Callable[[RememberedSpace], None],
) -> tuple[SpaceExchange, ...]:
    """Ask about every space that is new, changed, or last written by another model; after a failure the others wait."""
    runs = []
    failed = False
    for key, prompt in prompts.items():
        run = SpaceExchange(space=prompt.space, digest=prompt.digest, unshown=prompt.unshown, skipped=failed)
        known = remembered.get(key)
        if known is not None and (known.digest, known.model) == (run.digest, str(model.ref)):
            run.remembered, run.skipped, run.content, run.problems = True, False, known.content, known.problems
        elif not failed:
            try:
                _ask(prompt, model, model_options.answers, run)
            except RemoteError as error:
                run.failure = error
                failed = True
            if run.content is not None:
                keep(
                    RememberedSpace(
                        key=key, digest=run.digest, model=str(model.ref), content=run.content, problems=run.problems
                    )
                )  # fmt: skip
        runs.append(run)
    return tuple(runs)


def _ask(prompt: SpacePrompt, model: Model, answers: int, run: SpaceExchange) -> None:
    """Ask until an answer is usable; its dropped items are reported to the model once, and the better answer counts."""
    messages = prompt.messages()
    best: SpaceReply | None = None
    for _ in range(answers):
        answer = run.ask(model, messages, most_tokens=ANSWER_TOKENS, schema=content_schema())
        if answer.refused:
            break
        reply = read_space_reply(answer.content, prompt, cut=answer.cut)
        run.errors += reply.problems
        reported = best is not None
        if reply.content is not None:
            if best is None or len(reply.problems) <= len(best.problems):
                best = reply
                run.content, run.problems = reply.content.as_dict(), reply.problems
            if not reply.problems:
                break
        if reported:
            break
        messages = [*prompt.messages(), *correction(answer, space_feedback(reply))]


def lay_over(
    spaces: Sequence[GenieSpace], snapshot: Snapshot, requests: Iterable[SpaceRequest], remembered: Mapping[str, RememberedSpace]
) -> tuple[tuple[GenieSpace, ...], tuple[Finding, ...]]:
    """Return the spaces with the content that models wrote, checked against each space's tables; findings name the omitted parts.

    Content is used as long as the space has not changed since the model was asked.
    """
    prompts = space_prompts(snapshot, requests)
    titles = {s.title.casefold() for s in spaces}
    made, findings = [], []
    for space in spaces:
        prompt, known = prompts.get(space.key), remembered.get(space.key)
        if prompt is None or known is None or known.digest != prompt.digest:
            made.append(space)
            continue
        reply = read_content(dict(known.content), [snapshot.index[t] for t in space.tables])
        written = laid_over(space, reply.content) if reply.content is not None else space
        problems = (*known.problems, *reply.problems)
        if written.title != space.title and written.title.casefold() in titles:
            problems += (f"another space has the title {written.title!r}",)
            written = replace(written, title=space.title)
        titles.add(written.title.casefold())
        made.append(written)
        findings += [
            Finding(
                code="LK028", severity=Severity.WARNING, location=f"space {space.name}", fix="",
                message=f"left out of the model's answer: {problem}",
            )
            for problem in dict.fromkeys(problems)
        ]  # fmt: skip
    return tuple(made), tuple(findings)
