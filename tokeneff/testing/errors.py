"""Errors in each provider's own words and shapes."""

from __future__ import annotations

import math

from tokeneff.testing.answers import Answer, Frame, Headers, Json, data_frame, event_frame, json_answer
from tokeneff.testing.faults import Failure

_MESSAGES = {
    "rate_limit": "Rate limit reached. Please try again later.",
    "overloaded": "Overloaded",
    "server_error": "The server had an error while processing your request. Sorry about that!",
}
_OPENAI_TYPES = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "permission_denied"),
    429: ("requests", "rate_limit_exceeded"),
}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_NAMED = {"rate_limit", "overloaded", "server_error", "bad_request"}


def status_of(failure: Failure, dialect: str) -> int:
    """The HTTP status; "overloaded" is each provider's own."""
    if failure.status is not None:
        return failure.status
    return 529 if dialect == "anthropic" else 503


def error_body(failure: Failure, dialect: str, request_id: str) -> Json:
    """The JSON body of an HTTP error."""
    status = status_of(failure, dialect)
    message = failure.message or _MESSAGES.get(failure.kind, failure.kind)
    custom = failure.kind if failure.kind not in _NAMED else None
    if dialect == "anthropic":
        fallback = "api_error" if status >= 500 else "invalid_request_error"
        kind = custom or _ANTHROPIC_TYPES.get(status, fallback)
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
    fallback = ("server_error", None) if status >= 500 else ("invalid_request_error", None)
    kind, code = _OPENAI_TYPES.get(status, fallback)
    return {"error": {"message": message, "type": custom or kind, "param": None, "code": failure.code or code}}


def error_answer(failure: Failure, dialect: str, request_id: str, headers: Headers) -> Answer:
    """The HTTP error itself, with its retry headers."""
    extra = [(k, v) for k, v in failure.headers.items()]
    if failure.retry_after is not None:
        extra.append(("retry-after", str(math.ceil(failure.retry_after))))
        extra.append(("retry-after-ms", str(round(failure.retry_after * 1000))))
    body = error_body(failure, dialect, request_id)
    return json_answer(body, (*headers, *extra), status_of(failure, dialect))


def error_frame(failure: Failure, dialect: str, request_id: str, sequence: int) -> Frame:
    """The error as the last event of a stream."""
    body = error_body(failure, dialect, request_id)
    if dialect == "anthropic":
        return event_frame(body)
    if dialect == "responses":
        error = body["error"]
        return event_frame(
            {
                "type": "error",
                "code": error["code"] or error["type"],
                "message": error["message"],
                "param": None,
                "sequence_number": sequence,
            }
        )
    return data_frame(body)
