"""Conversations with Genie spaces (source: SDK 0.156, Genie; platform docs, Genie API).

A question is answered by `genie_responder`. Its query runs with the rights of the principal who asks, on the enforced path, and
its rows are for that principal alone.
"""

from __future__ import annotations

import asyncio
import logging
import uuid

from localspace.api import genie, statements
from localspace.api.genie_responder import ResponderError, propose
from localspace.core.errors import denied, invalid, not_found
from localspace.core.ledger import rule
from localspace.core.statement_runner import StatementRequest
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.conversations import StoredConversation, StoredGenieAnswer, StoredGenieError, StoredMessage
from localspace.core.stored_documents.workspace import StoredGenieSpace
from localspace.governance.object_permissions import levels_held
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json, page
from localspace.sql.statement_service import State, Statement

_OVER = frozenset({"COMPLETED", "FAILED", "CANCELLED", "QUERY_RESULT_EXPIRED"})
_STATUS = {State.PENDING: "PENDING_WAREHOUSE", State.RUNNING: "EXECUTING_QUERY", State.SUCCEEDED: "COMPLETED"}
_TITLE = 200
_RATINGS = ("POSITIVE", "NEGATIVE", "NONE")
_answering: set[asyncio.Task[None]] = set()
"""Tasks of questions that wait for the responder; the loop itself keeps no reference to a task."""

_log = logging.getLogger("localspace.api.conversations")


async def start(request: Request) -> Json:
    """Start a conversation with a question; needs CAN RUN on the space."""
    space = genie.space_for(request, "CAN_RUN")
    content, now = field_of(request.body, "content"), request.repositories.clock.now_ms()
    conversation: StoredConversation = {
        "conversation_id": uuid.uuid4().hex,
        "space_id": space["space_id"],
        "user_id": request.actor.id,
        "title": content[:_TITLE],
        "created_timestamp": now,
        "last_updated_timestamp": now,
    }
    key = (space["space_id"], conversation["conversation_id"])
    request.repositories.store.put(kinds.CONVERSATION, key, conversation, key[:1])
    message = _ask(request, space, conversation, content)
    return {
        "conversation_id": conversation["conversation_id"],
        "message_id": message["message_id"],
        "conversation": _conversation_info(conversation),
        "message": _info(message),
    }


async def create_message(request: Request) -> Json:
    """Ask one more question in an own conversation."""
    space = genie.space_for(request, "CAN_RUN")
    conversation = _own(request)
    content = field_of(request.body, "content")
    changed = conversation | {"last_updated_timestamp": request.repositories.clock.now_ms()}
    request.repositories.store.rewrite(kinds.CONVERSATION, _key(request), kinds.CONVERSATION.document(changed))
    return _info(_ask(request, space, conversation, content))


def get_message(request: Request) -> Json:
    """Return a message with its answer, as far as there is one."""
    return _info(_message(request))


def list_messages(request: Request) -> Json:
    """List the messages of a conversation, the oldest first."""
    _readable(request)
    found = request.repositories.store.list(kinds.MESSAGE, _key(request))
    found.sort(key=lambda one: (one["created_timestamp"], one["message_id"]))
    return page([_info(_settled(request, one)) for one in found], request.query, "messages", size_name="page_size", most=100)


def delete_message(request: Request) -> Json:
    """Delete a message of an own conversation."""
    _own(request)
    found = _message(request)
    _forget(request, found)
    return {}


def listed(request: Request) -> Json:
    """List the own conversations with a space, the newest first; with `include_all` all of them, which needs CAN MANAGE."""
    everybody = request.flag("include_all")
    space = genie.space_for(request, "CAN_MANAGE" if everybody else "CAN_RUN")
    found = [
        {name: one[name] for name in ("conversation_id", "title", "created_timestamp")}
        for one in sorted(
            request.repositories.store.list(kinds.CONVERSATION, (space["space_id"],)),
            key=lambda one: (one["created_timestamp"], one["conversation_id"]),
            reverse=True,
        )
        if everybody or one["user_id"] == request.actor.id
    ]
    return page(found, request.query, "conversations", size_name="page_size", most=100)


def delete(request: Request) -> Json:
    """Delete an own conversation with its messages."""
    _own(request)
    with request.repositories.store.transaction():
        for one in request.repositories.store.list(kinds.MESSAGE, _key(request)):
            _forget(request, one)
        request.repositories.store.delete(kinds.CONVERSATION, *_key(request))
    return {}


@rule("LS-152")
def query_result(request: Request) -> Json:
    """Return the rows of an answer to who has asked; raises 403 for anybody else."""
    _own(request)
    answer = _query_of(_message(request), request.params.get("attachment_id"))
    found = request.services.statements.find(answer.get("statement_id", ""))
    if found is None or found.request.principal_id != request.actor.id:
        raise not_found("The result of the query has expired. Execute it again.", "QUERY_RESULT_EXPIRED")
    return {"statement_response": statements.answer_of(request, found)}


def execute_query(request: Request) -> Json:
    """Run the query of an answer again, as who has asked."""
    _own(request)
    space = genie.space_for(request, "CAN_RUN")
    message = _message(request)
    answer = _query_of(message, request.params.get("attachment_id"))
    statement = _run(request, space, answer["query"])
    again = answer.copy()
    again["statement_id"] = statement.id
    for name in ("row_count", "is_truncated"):
        again.pop(name, None)  # type: ignore[misc]
    _put(request, kinds.MESSAGE.document(message | {"answer": again, "status": "EXECUTING_QUERY"}))
    return {"statement_response": statements.answer_of(request, statement)}


def feedback(request: Request) -> Json:
    """Rate an answer."""
    _readable(request)
    body, message = request.body, _message(request)
    if body.get("rating") not in _RATINGS:
        raise invalid(f"rating must be one of {', '.join(_RATINGS)}.")
    _put(request, kinds.MESSAGE.document(message | {"feedback": body}))
    return {}


def create_comment(request: Request) -> Json:
    """Comment on a message."""
    _readable(request)
    message = _message(request)
    comment = kinds.MESSAGE_COMMENT.document(
        {
            "message_comment_id": uuid.uuid4().hex,
            "message_id": message["message_id"],
            "conversation_id": message["conversation_id"],
            "space_id": message["space_id"],
            "user_id": request.actor.id,
            "content": field_of(request.body, "content"),
            "created_timestamp": request.repositories.clock.now_ms(),
        }
    )
    key = (*_key(request), message["message_id"], comment["message_comment_id"])
    request.repositories.store.put(kinds.MESSAGE_COMMENT, key, comment, _key(request))
    return _with_number({**comment})


def list_comments(request: Request) -> Json:
    """List the comments on a message, or on all messages of a conversation."""
    _readable(request)
    wanted = request.params.get("message_id")
    found = [
        _with_number({**one})
        for one in request.repositories.store.list(kinds.MESSAGE_COMMENT, _key(request))
        if wanted in (None, one["message_id"])
    ]
    return page(found, request.query, "comments", size_name="page_size", most=100)


# Asking


def _ask(request: Request, space: StoredGenieSpace, conversation: StoredConversation, content: str) -> StoredMessage:
    now = request.repositories.clock.now_ms()
    message: StoredMessage = {
        "message_id": uuid.uuid4().hex,
        "conversation_id": conversation["conversation_id"],
        "space_id": space["space_id"],
        "user_id": request.actor.id,
        "content": content,
        "status": "SUBMITTED",
        "created_timestamp": now,
        "last_updated_timestamp": now,
    }
    _put(request, message)
    task = asyncio.create_task(asyncio.to_thread(_answer, request, space, message))
    _answering.add(task)
    task.add_done_callback(_answering.discard)
    return message


def _answer(request: Request, space: StoredGenieSpace, message: StoredMessage) -> None:
    new = message.copy()
    try:
        found = propose(request.repositories, space, message["content"])
        answer: StoredGenieAnswer = {"attachment_id": uuid.uuid4().hex}
        if found.sql:
            answer |= {"query": found.sql, "description": found.description or message["content"]}
            answer["statement_id"] = _run(request, space, found.sql).id
        else:
            answer["text"] = found.text
        new["answer"], new["status"] = answer, "EXECUTING_QUERY" if found.sql else "COMPLETED"
    except ResponderError as error:
        new["status"], new["error"] = "FAILED", StoredGenieError(error=str(error), type=error.kind)
    except Exception as error:
        # The task has no caller that could be told: the message says it, the trace goes to the server's log.
        _log.exception("message %s has no answer", message["message_id"])
        said = f"{type(error).__name__} in the local workspace."
        new["status"], new["error"] = "FAILED", StoredGenieError(error=said, type="UNEXPECTED_REPLY_PROCESS_EXCEPTION")
    new["last_updated_timestamp"] = request.repositories.clock.now_ms()
    _put(request, new)


def _run(request: Request, space: StoredGenieSpace, query: str) -> Statement:
    asked = StatementRequest(statement=query, principal_id=request.actor.id, principal_name=request.actor.name)
    return request.services.statements.submit(asked, space["warehouse_id"], None)


def _settled(request: Request, message: StoredMessage) -> StoredMessage:
    """Return a message in the state that its statement has reached, and store a state that is final."""
    answer = message.get("answer")
    if message["status"] in _OVER or answer is None or "statement_id" not in answer:
        return message
    statement = request.services.statements.find(answer["statement_id"])
    new = message.copy()
    if statement is None:
        new["status"] = "FAILED"
        new["error"] = StoredGenieError(error="The workspace was restarted while the query ran.", type="SQL_EXECUTION_EXCEPTION")
    elif statement.state is State.SUCCEEDED and statement.result is not None:
        done = answer | {"row_count": len(statement.result.rows), "is_truncated": statement.result.truncated}
        new["answer"], new["status"] = done, "COMPLETED"
    elif statement.over:
        new["status"] = "CANCELLED" if statement.state is State.CANCELED else "FAILED"
        new["error"] = StoredGenieError(error=statement.message, type="SQL_EXECUTION_EXCEPTION")
    else:
        new["status"] = _STATUS[statement.state]
    if new["status"] in _OVER:
        new["last_updated_timestamp"] = request.repositories.clock.now_ms()
        _put(request, new)
    return new


# Looking up


def _key(request: Request) -> tuple[str, str]:
    return request.params["space_id"], request.params["conversation_id"]


def _readable(request: Request) -> StoredConversation:
    """Return a conversation to its own principal, or to who manages the space; raises 404 or 403."""
    space = genie.space_for(request, "CAN_READ")
    found = request.repositories.store.get(kinds.CONVERSATION, *_key(request))
    if found is None:
        raise not_found(f"Conversation {request.params['conversation_id']} does not exist.")
    held = levels_held(request.repositories, request.actor, "genie", space["space_id"], space["owner"])
    if found["user_id"] != request.actor.id and "CAN_MANAGE" not in held:
        raise denied(f"{request.actor.name} does not have access to conversation {found['conversation_id']}.")
    return found


def _own(request: Request) -> StoredConversation:
    found = _readable(request)
    if found["user_id"] != request.actor.id:
        raise denied("Only who has started a conversation may ask in it and read its results.")
    return found


def _message(request: Request) -> StoredMessage:
    _readable(request)
    found = request.repositories.store.get(kinds.MESSAGE, *_key(request), request.params["message_id"])
    if found is None:
        raise not_found(f"Message {request.params['message_id']} does not exist.")
    return _settled(request, found)


def _query_of(message: StoredMessage, attachment_id: str | None) -> StoredGenieAnswer:
    answer = message.get("answer")
    if answer is None or "query" not in answer or attachment_id not in (None, answer["attachment_id"]):
        raise not_found(f"Message {message['message_id']} has no query result of attachment {attachment_id}.")
    return answer


def _put(request: Request, message: StoredMessage) -> None:
    parent = (message["space_id"], message["conversation_id"])
    request.repositories.store.put(kinds.MESSAGE, (*parent, message["message_id"]), message, parent)


def _forget(request: Request, message: StoredMessage) -> None:
    key = (*_key(request), message["message_id"])
    with request.repositories.store.transaction():
        request.repositories.store.delete(kinds.MESSAGE, *key)
        for one in request.repositories.store.list(kinds.MESSAGE_COMMENT, _key(request)):
            if one["message_id"] == message["message_id"]:
                request.repositories.store.delete(kinds.MESSAGE_COMMENT, *key, one["message_comment_id"])


# Answers


def _with_number(found: Json) -> Json:
    found["user_id"] = int(found["user_id"])
    return found


def _conversation_info(conversation: StoredConversation) -> Json:
    return _with_number({**conversation, "id": conversation["conversation_id"]})


def _info(message: StoredMessage) -> Json:
    found: Json = {name: value for name, value in message.items() if name != "answer"}
    answer = message.get("answer")
    if answer is not None:
        shown: Json = {"attachment_id": answer["attachment_id"]}
        if "text" in answer:
            shown["text"] = {"content": answer["text"]}
        if "query" in answer:
            shown["query"] = {name: answer[name] for name in ("query", "description", "statement_id") if name in answer}
            if "row_count" in answer:
                known = {"row_count": answer["row_count"], "is_truncated": answer["is_truncated"]}
                shown["query"]["query_result_metadata"] = known
        found["attachments"] = [shown]
    return _with_number(found | {"id": message["message_id"]})


_SPACE = "/api/2.0/genie/spaces/{space_id}"
_ONE = _SPACE + "/conversations/{conversation_id}"
_MESSAGE = _ONE + "/messages/{message_id}"
_ATTACHMENT = _MESSAGE + "/attachments/{attachment_id}"
_CANNED = "canned answers unless a responder is supplied; no visualisations"
ROUTES = (
    Route(method="POST", path=_SPACE + "/start-conversation", handler=start, sdk=("Genie.start_conversation",), partial=_CANNED),
    Route(method="GET", path=_SPACE + "/conversations", handler=listed, sdk=("Genie.list_conversations",)),
    Route(method="DELETE", path=_ONE, handler=delete, sdk=("Genie.delete_conversation",)),
    Route(method="POST", path=_ONE + "/messages", handler=create_message, sdk=("Genie.create_message",), partial=_CANNED),
    Route(method="GET", path=_ONE + "/messages", handler=list_messages, sdk=("Genie.list_conversation_messages",)),
    Route(method="GET", path=_ONE + "/list-comments", handler=list_comments, sdk=("Genie.list_conversation_comments",)),
    Route(method="GET", path=_MESSAGE, handler=get_message, sdk=("Genie.get_message",)),
    Route(method="DELETE", path=_MESSAGE, handler=delete_message, sdk=("Genie.delete_conversation_message",)),
    Route(method="POST", path=_MESSAGE + "/feedback", handler=feedback, sdk=("Genie.send_message_feedback",)),
    Route(method="POST", path=_MESSAGE + "/comments", handler=create_comment, sdk=("Genie.create_message_comment",)),
    Route(method="GET", path=_MESSAGE + "/comments", handler=list_comments, sdk=("Genie.list_message_comments",)),
    Route(method="GET", path=_MESSAGE + "/query-result", handler=query_result, sdk=("Genie.get_message_query_result",)),
    Route(
        method="GET",
        path=_MESSAGE + "/query-result/{attachment_id}",
        handler=query_result,
        sdk=("Genie.get_message_query_result_by_attachment",),
    ),
    Route(
        method="GET",
        path=_ATTACHMENT + "/query-result",
        handler=query_result,
        sdk=("Genie.get_message_attachment_query_result",),
    ),
    Route(method="POST", path=_MESSAGE + "/execute-query", handler=execute_query, sdk=("Genie.execute_message_query",)),
    Route(
        method="POST",
        path=_ATTACHMENT + "/execute-query",
        handler=execute_query,
        sdk=("Genie.execute_message_attachment_query",),
    ),
)
