"""Fields of requests about conversations with Genie spaces and evaluations (source: SDK 0.156, service.dashboards)."""

from __future__ import annotations

from localspace.http.request_schemas.types import FLAG, NOTHING, TEXT, TEXTS, FieldType, fields

_SPACE = "POST /api/2.0/genie/spaces/{space_id}"
_MESSAGES = _SPACE + "/conversations/{conversation_id}/messages"
_MESSAGE = _MESSAGES + "/{message_id}"
_QUESTION = fields(content=TEXT, enable_visualization=FLAG)

SCHEMAS: dict[str, FieldType] = {
    _SPACE + "/start-conversation": _QUESTION,
    _MESSAGES: _QUESTION,
    _MESSAGE + "/feedback": fields(rating=TEXT, comment=TEXT),
    _MESSAGE + "/comments": fields(content=TEXT),
    _MESSAGE + "/execute-query": NOTHING,
    _MESSAGE + "/attachments/{attachment_id}/execute-query": NOTHING,
    _SPACE + "/eval-runs": fields(benchmark_question_ids=TEXTS),
}
