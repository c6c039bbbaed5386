"""Stored documents of conversations with Genie spaces and of evaluations. Times are milliseconds since 1970."""

from typing import Any, NotRequired, TypedDict


class StoredConversation(TypedDict):
    """A conversation of one principal with a space."""

    conversation_id: str
    space_id: str
    user_id: str
    title: str
    created_timestamp: int
    last_updated_timestamp: int


class StoredGenieAnswer(TypedDict):
    """An answer to a question: a text, or a query with the statement that runs it."""

    attachment_id: str
    text: NotRequired[str]
    query: NotRequired[str]
    description: NotRequired[str]
    statement_id: NotRequired[str]
    row_count: NotRequired[int]
    is_truncated: NotRequired[bool]
    suggested_questions: NotRequired[list[str]]


class StoredGenieError(TypedDict):
    """The reason why a question has no answer."""

    error: str
    type: str


class StoredGenieFeedback(TypedDict):
    """A rating of an answer."""

    rating: str
    comment: NotRequired[str]


class StoredMessage(TypedDict):
    """A question with its answer."""

    message_id: str
    conversation_id: str
    space_id: str
    user_id: str
    content: str
    status: str
    created_timestamp: int
    last_updated_timestamp: int
    answer: NotRequired[StoredGenieAnswer]
    error: NotRequired[StoredGenieError]
    feedback: NotRequired[StoredGenieFeedback]


class StoredMessageComment(TypedDict):
    """A comment on a message."""

    message_comment_id: str
    message_id: str
    conversation_id: str
    space_id: str
    user_id: str
    content: str
    created_timestamp: int


class StoredResponderRule(TypedDict):
    """A pattern of questions with the answer to them."""

    pattern: str
    sql: NotRequired[str]
    text: NotRequired[str]
    description: NotRequired[str]


class StoredResponder(TypedDict):
    """The responder that a user has supplied: `kind` is rules, or http with the `url` that is asked."""

    kind: str
    rules: NotRequired[list[StoredResponderRule]]
    url: NotRequired[str]


class StoredEvalResult(TypedDict):
    """One benchmark question of an evaluation."""

    result_id: str
    benchmark_question_id: str
    question: str
    status: str
    benchmark_answer: NotRequired[str]
    actual_response: NotRequired[list[dict[str, Any]]]
    expected_response: NotRequired[list[dict[str, Any]]]
    assessment: NotRequired[str]
    assessment_reasons: NotRequired[list[str]]


class StoredEvalRun(TypedDict):
    """An evaluation of a space."""

    eval_run_id: str
    space_id: str
    run_by: str
    status: str
    created_timestamp: int
    last_updated_timestamp: int
    results: list[StoredEvalResult]
