"""The client of all models: streamed, bounded in time, without secrets in errors. Its package takes half a second to load."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
from openai import Omit, OpenAI

from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.clock import Clock, RealClock
from lampkeeper.remote.failures import redact
from lampkeeper.remote.llm import Answer, ModelRef, ModelTimeouts, Provider
from lampkeeper.remote.llm_stream import StreamedResponse, read_stream, read_whole
from lampkeeper.remote.retry import Failure, retry

_KEYS = {
    Provider.OPENAI: "OPENAI_API_KEY",
    Provider.ANTHROPIC: "ANTHROPIC_API_KEY",
    Provider.OTHER: "LAMPKEEPER_MODEL_KEY",
}
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_FATAL = frozenset({400, 401, 403, 404, 413, 422})
_FIXES = {
    400: "check that the model supports chat completions",
    401: "the key is missing, wrong or expired",
    403: "ask for the permission to query this model (CAN QUERY on a serving endpoint)",
    404: "check the model's name: `databricks serving-endpoints list`, or the vendor's list of models",
    429: "the endpoint is throttling: run the command again later; responses received so far are kept",
}
_OPTIONAL = ("temperature", "response_format", "stream_options", "stream")


@dataclass(slots=True)
class Model:
    """A model that several threads can query at once."""

    ref: ModelRef
    base_url: str
    key: str = ""
    workspace: Workspace | None = None
    timeouts: ModelTimeouts = field(default_factory=ModelTimeouts)
    clock: Clock = field(default_factory=RealClock)
    # Optional parameters that this endpoint has rejected; each is tried once.
    _without: set[str] = field(default_factory=set)
    _client: OpenAI = field(init=False)

    def __post_init__(self) -> None:
        """Create the client without its own retries, which do not respect the deadline."""
        # Redirects are not followed: the key is for this address only. Organisation settings in the environment are for OpenAI.
        http: Any = httpx.Client(timeout=self.timeouts.silence, follow_redirects=False)
        headers: dict[str, Any] = {"User-Agent": f"lampkeeper/{version('lampkeeper')}"}
        if self.ref.provider is not Provider.OPENAI:
            headers |= {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
        self._client = OpenAI(
            base_url=self.base_url, api_key=self.key or "none", max_retries=0, http_client=http, default_headers=headers
        )

    def ask(self, messages: Sequence[Mapping[str, str]], *, most_tokens: int, schema: Mapping[str, Any]) -> Answer:
        """Return the response; repeat throttled and failed requests; raise RemoteError if none succeeds by the deadline."""
        end = self.clock.now() + self.timeouts.deadline
        tries = 0

        def send() -> StreamedResponse:
            nonlocal tries
            tries += 1
            try:
                return self._try(messages, most_tokens, schema, end)
            except openai.APIError as error:
                if self._learnt(error):
                    return send()
                raise

        received = retry(send, self._classify, self.timeouts.backoff, self.clock)
        return Answer(
            content=received.content, finish=received.finish, refusal=received.refusal, input_tokens=received.input_tokens,
            output_tokens=received.output_tokens, tries=tries,
        )  # fmt: skip

    def _classify(self, error: Exception) -> Failure | None:
        # A try that begins shortly before the deadline gets no response any more.
        within = 0.9 * self.timeouts.deadline
        if isinstance(error, openai.APIError):
            problem = self._translate(error)
            if _final(problem.status):
                return Failure(problem=problem)
            tries = min(3, self.timeouts.tries) if problem.code == "NO_CONNECTION" else self.timeouts.tries
            return Failure(problem=problem, within=within, after=_retry_after(error), tries=tries)
        if isinstance(error, TimeoutError):
            problem = RemoteError(f"{self.ref}: the response takes too long", code="NO_ANSWER", fix="use a faster model")
        elif isinstance(error, httpx.HTTPError | ValueError):
            # Within a stream the client passes on exceptions of the connection, and of a line that is not JSON.
            problem = RemoteError(f"{self.ref}: the response broke off ({type(error).__name__})", code="BROKEN_ANSWER")
        else:
            return None
        return Failure(problem=problem, within=within, tries=self.timeouts.tries)

    def _try(
        self, messages: Sequence[Mapping[str, str]], most_tokens: int, schema: Mapping[str, Any], end: float
    ) -> StreamedResponse:
        options: dict[str, Any] = {
            "temperature": 0,
            "response_format": {"type": "json_schema", "json_schema": {"name": "labels", "schema": schema, "strict": True}},
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        options = {k: v for k, v in options.items() if k not in self._without}
        if "stream" not in options:
            options.pop("stream_options", None)
        # OpenAI's reasoning models accept only the newer name, other models the older one (vendors' documentation).
        limit = "max_completion_tokens" if self.ref.provider is Provider.OPENAI else "max_tokens"
        until = min(self.clock.now() + self.timeouts.answer, end)
        answer = self._client.chat.completions.create(  # type: ignore[call-overload]
            model=self.ref.name, messages=list(messages), extra_headers=self._signed(), timeout=self._wait(end),
            **{limit: most_tokens}, **options,
        )  # fmt: skip
        if "stream" not in options:
            return read_whole(answer)
        with answer as chunks:
            return read_stream(chunks, lambda: self.clock.now() > until)

    def _wait(self, end: float) -> float:
        return max(0.1, min(self.timeouts.silence, end - self.clock.now()))

    def _signed(self) -> dict[str, str]:
        """Return the workspace's sign-in headers, renewed when needed; for other providers the client sends the key."""
        if self.workspace is None:
            return {}
        return {k: v for k, v in self.workspace.w.config.authenticate().items() if k.lower() == "authorization"}

    def _learnt(self, error: openai.APIError) -> bool:
        """Record an optional parameter that the endpoint rejects by name; return whether to repeat the request without it."""
        if not isinstance(error, openai.APIStatusError) or error.status_code not in (400, 422, 501):
            return False
        text = str(error).lower()
        found = next((p for p in _OPTIONAL if p not in self._without and p in text), None)
        if found is None:
            return False
        self._without.add(found)
        return True

    def _translate(self, error: openai.APIError) -> RemoteError:
        secrets = (self.key, *(self.workspace.secrets if self.workspace is not None else ()))
        if isinstance(error, openai.APITimeoutError):
            return RemoteError(f"{self.ref}: the endpoint does not respond", code="NO_ANSWER", fix="try again, or another model")
        if isinstance(error, openai.APIConnectionError):
            return RemoteError(f"{self.ref}: cannot reach {self.base_url}", code="NO_CONNECTION", fix="check the address")
        status = error.status_code if isinstance(error, openai.APIStatusError) else 0
        said = redact(str(error), secrets)[:300]
        return RemoteError(
            f"{self.ref}: {said} (HTTP {status})", code=str(error.code or status), status=status, fix=_FIXES.get(status, "")
        )


def _final(status: int) -> bool:
    """Return whether a status will not pass by itself: the request or the address is wrong."""
    return status in _FATAL or 300 <= status < 400


def _retry_after(error: openai.APIError) -> float:
    """Return the seconds to wait by the server's Retry-After, a number or a date; 0 without one."""
    if not isinstance(error, openai.APIStatusError):
        return 0.0
    given = error.response.headers.get("retry-after", "").strip()
    if given.replace(".", "", 1).isdigit():
        return float(given)
    try:
        until = email.utils.parsedate_to_datetime(given) if given else None
    except ValueError:
        return 0.0
    sent = email.utils.parsedate_to_datetime(error.response.headers["date"]) if "date" in error.response.headers else None
    return max(0.0, (until - sent).total_seconds()) if until is not None and sent is not None else 0.0


def open_model(
    ref: ModelRef,
    environ: Mapping[str, str],
    workspace: Workspace | None = None,
    timeouts: ModelTimeouts | None = None,
    clock: Clock | None = None,
) -> Model:
    """Return the model, ready for requests; raise UsageError if its key is missing or would be sent over plain HTTP."""
    timeouts, clock = timeouts or ModelTimeouts(), clock or RealClock()
    if ref.provider is Provider.DATABRICKS:
        if workspace is None:
            raise UsageError(f"{ref} needs a workspace", fix="fill in auth.auto.tfvars, or give --profile")
        base = f"{workspace.host.rstrip('/')}/serving-endpoints"
        return Model(ref=ref, base_url=base, workspace=workspace, timeouts=timeouts, clock=clock)
    variable = _KEYS[ref.provider]
    key = environ.get(variable, "").strip()
    if not key and ref.provider is not Provider.OTHER:
        raise UsageError(f"{ref} needs a key in the environment variable {variable}", fix=f"export {variable}=…")
    if not key.isascii() or not key.isprintable() or any(c.isspace() for c in key):
        raise UsageError(f"the key in {variable} is malformed: it contains blanks or characters that are not valid in a key")
    if key and urlsplit(ref.base_url).scheme != "https" and urlsplit(ref.base_url).hostname not in _LOOPBACK:
        raise UsageError(f"refusing to send the key in {variable} over plain HTTP to {ref.base_url}", fix="use https")
    return Model(ref=ref, base_url=ref.base_url, key=key, timeouts=timeouts, clock=clock)
