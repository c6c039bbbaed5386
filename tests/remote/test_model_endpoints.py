"""One client, the vendors' wire formats: addresses, sign-in, parameters, blocks, streams, waiting as told."""

from __future__ import annotations

from typing import Any

import pytest

from lampkeeper.design.classify.prompt import Prompt, answer_schema, make_prompts
from lampkeeper.design.classify.reply import read_reply
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Column, Table
from lampkeeper.remote.clients import connect
from lampkeeper.remote.clock import RealClock
from lampkeeper.remote.llm import Answer, ModelRef, ModelTimeouts
from lampkeeper.remote.llm_client import Model, open_model
from support.model_stub import Said, Stub, good, running_stub

TABLE = Table(name=TableName("c", "s", "t"), columns=(Column(name="email", type="STRING"), Column(name="n", type="INT")))


class TickingClock:
    """Time passes only by waiting; what was waited for is kept."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def now(self) -> float:
        return sum(self.waited)

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


def _prompt() -> Prompt:
    return make_prompts(TABLE)[0]


def _ask(model: Model) -> Answer:
    prompt = _prompt()
    return model.ask(prompt.messages(), most_tokens=prompt.answer_tokens, schema=answer_schema())


def _model(stub: Stub, provider: str, clock: TickingClock | None = None, **timeouts: Any) -> Model:
    environ = {
        "OPENAI_API_KEY": "sk-open-123456789", "OPENAI_BASE_URL": f"{stub.base}/v1",
        "ANTHROPIC_API_KEY": "sk-ant-123456789", "ANTHROPIC_BASE_URL": f"{stub.base}/v1",
    }  # fmt: skip
    text = f"{stub.base}/v1#local" if provider == "other" else f"{provider}:m1"
    workspace = connect(Auth(workspace_host=stub.base, token="dapi0123456789abcdef")) if provider == "databricks" else None
    ref = ModelRef.parse(text, environ)
    return open_model(ref, environ, workspace, ModelTimeouts(**timeouts), clock or TickingClock())


@pytest.mark.parametrize(
    ("provider", "key", "limit"),
    [
        ("openai", "sk-open-123456789", "max_completion_tokens"),
        ("anthropic", "sk-ant-123456789", "max_tokens"),
        ("databricks", "dapi0123456789abcdef", "max_tokens"),
        ("other", "none", "max_tokens"),
    ],
)
def test_each_vendor_is_asked_in_its_way(provider: str, key: str, limit: str) -> None:
    with running_stub(lambda request, _: Said(content=good(request))) as stub:
        answer = _ask(_model(stub, provider))
    request, headers = stub.requests[0], stub.headers[0]
    assert read_reply(answer.content, _prompt(), cut=answer.cut).whole
    assert (answer.input_tokens, answer.output_tokens, answer.tries) == (100, 50, 1)
    assert headers["authorization"] == f"Bearer {key}"
    assert request["stream"] is True
    assert request[limit] == _prompt().answer_tokens
    assert request["response_format"]["json_schema"]["strict"] is True


def test_blocks_are_read_streamed_and_whole() -> None:
    def blocks(request: dict[str, Any], number: int) -> Said:
        if request.get("stream") and number == 0:
            return Said(status=501, body={"error_code": "NOT_IMPLEMENTED", "message": "this endpoint does not stream"})
        return Said(content=[{"type": "reasoning", "summary": []}, {"type": "text", "text": good(request)}])

    with running_stub(blocks) as stub:
        model = _model(stub, "databricks")
        first = _ask(model)
        assert "stream" not in stub.requests[1]
        fresh = _ask(_model(stub, "databricks"))
    for answer in (first, fresh):
        assert read_reply(answer.content, _prompt(), cut=answer.cut).whole


def test_a_parameter_that_the_endpoint_refuses_by_name_is_left_out_from_then_on() -> None:
    def picky(request: dict[str, Any], _: int) -> Said:
        for name in ("temperature", "response_format"):
            if name in request:
                return Said(status=400, body={"error": {"message": f"Unsupported parameter: '{name}'"}})
        return Said(content=good(request))

    with running_stub(picky) as stub:
        model = _model(stub, "openai")
        _ask(model)
        _ask(model)
    assert len(stub.requests) == 4


def test_it_waits_as_long_as_it_is_reported_and_no_longer_than_the_deadline() -> None:
    clock = TickingClock()
    with running_stub(
        lambda request, n: Said(content=good(request)) if n == 2 else Said(status=429, headers={"retry-after": "17"})
    ) as stub:
        assert _ask(_model(stub, "openai", clock)).tries == 3
    assert clock.waited == [17, 17]
    with (
        running_stub(lambda request, n: Said(status=503, headers={"retry-after": "400"})) as stub,
        pytest.raises(RemoteError) as reported,
    ):
        _ask(_model(stub, "openai", deadline=60.0))
    assert reported.value.status == 503
    assert len(stub.requests) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_not_repeated_and_shows_no_key(status: int) -> None:
    body = {"error": {"message": "key sk-open-123456789 is not good"}}
    with running_stub(lambda request, n: Said(status=status, body=body)) as stub, pytest.raises(RemoteError) as reported:
        _ask(_model(stub, "openai"))
    assert len(stub.requests) == 1
    assert "123456789" not in str(reported.value)
    assert reported.value.fix


def test_an_endless_trickle_ends_at_the_deadline() -> None:
    with running_stub(lambda request, n: Said(content="x" * 4000, trickle=0.05)) as stub:
        model = _model(stub, "openai", answer=0.3, deadline=0.6)
        model.clock = RealClock()
        with pytest.raises(RemoteError) as reported:
            _ask(model)
    assert reported.value.code == "NO_ANSWER"


def test_databricks_without_a_workspace_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="needs a workspace"):
        open_model(ModelRef.parse("databricks:m", {}), {})
