"""Any value that an SDK hands out, as plain data that two runs can be compared by.

What is random or bound to one run by nature is made alike: ports, multipart boundaries, idempotency keys, signatures,
dates, object addresses. Everything else is kept, also the order of headers and keys.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel

_VOLATILE = (
    (re.compile(r"127\.0\.0\.1:\d+"), "HOST"),
    (re.compile(r"'127\.0\.0\.1', port=\d+|\('127\.0\.0\.1', \d+\)"), "HOST"),
    (re.compile(r"\b0x[0-9a-f]{6,}\b|(?<=cancel scope )[0-9a-f]+"), "0x…"),
    (re.compile(r"stainless-python-retry-[0-9a-f-]{36}"), "KEY"),
    (re.compile(r"\d{8}T\d{6}Z"), "TIME"),
    (re.compile(r"Credential=(\w+)/\d{8}/"), r"Credential=\1/DAY/"),
    (re.compile(r"Signature=[0-9a-f]{64}"), "Signature=…"),
)
_BOUNDARY = re.compile(rb"boundary=([0-9A-Za-z'()+_,./:=?-]+)")
_RANDOM_HEADERS = {"traceparent", "tracestate", "date", "x-client-request-id"}
_DEPTH = 14

Plain = Any


def name_of(kind: type) -> str:
    """A class as a program sees it named."""
    return f"{kind.__module__}.{kind.__qualname__}"


def steady(text: str) -> str:
    """A text without what differs from run to run."""
    for pattern, instead in _VOLATILE:
        text = pattern.sub(instead, text)
    return text


def header_pairs(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers in their order, random values left out."""
    return [
        (
            name,
            "…"
            if name.lower() in _RANDOM_HEADERS
            else steady(_BOUNDARY.sub(b"boundary=BOUNDARY", value.encode()).decode()),
        )
        for name, value in pairs
    ]


def body_bytes(content_type: str, body: bytes) -> bytes:
    """A request's body, its random multipart boundary left out."""
    found = _BOUNDARY.search(content_type.encode())
    return body.replace(found.group(1), b"BOUNDARY") if found else re.sub(rb"127\.0\.0\.1:\d+", b"HOST", body)


def observe(value: Any, depth: int = 0) -> Plain:
    """``value`` as plain data."""
    if value is None or isinstance(value, bool | int | float):
        return value if type(value) in (type(None), bool, int, float) else (name_of(type(value)), repr(value))
    if isinstance(value, str):
        text = steady(value)
        return text if type(value) is str else (name_of(type(value)), text)
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if depth > _DEPTH:
        return ("deep", name_of(type(value)))
    for kinds, look in _LOOKS:
        if isinstance(value, kinds):
            return look(value, depth + 1)
    return _by_shape(value, depth + 1)


def _by_shape(value: Any, depth: int) -> Plain:
    root = type(value).__module__.partition(".")[0]
    if root in ("httpx", "httpx2"):
        look = _HTTP.get(type(value).__name__)
        return look(value, depth) if look else ("object", name_of(type(value)))
    if hasattr(value, "http_response") and hasattr(value, "retries_taken"):
        return _raw_response(value, depth)
    if dataclasses.is_dataclass(value):
        return (
            name_of(type(value)),
            observe({f.name: getattr(value, f.name) for f in dataclasses.fields(value)}, depth),
        )
    if root in ("openai", "anthropic") and hasattr(value, "response") and hasattr(value, "read"):
        return (name_of(type(value)), observe(value.response, depth))  # binary content
    return ("object", name_of(type(value)))


def _model(value: BaseModel, depth: int) -> Plain:
    private = {
        key: name_of(type(held)) if key == "_client" else observe(held, depth)
        for key, held in sorted((value.__pydantic_private__ or {}).items())
    }
    return {
        "model": name_of(type(value)),
        "fields": {key: observe(held, depth) for key, held in value.__dict__.items()},
        "extra": {key: observe(held, depth) for key, held in (value.__pydantic_extra__ or {}).items()},
        "set": sorted(value.model_fields_set),
        "private": private,
        "request_id": observe(getattr(value, "_request_id", "no such attribute"), depth),
    }


def _error(error: BaseException, depth: int) -> Plain:
    return {
        "error": name_of(type(error)),
        "text": steady(str(error)),
        "args": observe(error.args, depth),
        "attributes": {key: observe(held, depth) for key, held in sorted(vars(error).items())},
        "cause": observe(error.__cause__, depth),
        "context": "the cause" if error.__context__ is error.__cause__ else observe(error.__context__, depth),
        "suppressed": error.__suppress_context__,
    }


def _mapping(value: Mapping[Any, Any], depth: int) -> Plain:
    items = {repr(key) if not isinstance(key, str) else key: observe(held, depth) for key, held in value.items()}
    return items if type(value) is dict else (name_of(type(value)), items)


def _sequence(value: Any, depth: int) -> Plain:
    items = [observe(held, depth) for held in value]
    return items if type(value) is list else (name_of(type(value)), items)


def _set(value: Any, depth: int) -> Plain:
    return (name_of(type(value)), sorted((observe(held, depth) for held in value), key=repr))


def _response(value: Any, depth: int) -> Plain:
    return {
        "response": name_of(type(value)),
        "status": value.status_code,
        "reason": value.reason_phrase,
        "version": value.http_version,
        "headers": header_pairs(value.headers.multi_items()),
        "closed": value.is_closed,
        "consumed": value.is_stream_consumed,
        "stream": name_of(type(value.stream)),
        "content": value.content if hasattr(value, "_content") else "not read",
        "downloaded": value.num_bytes_downloaded,
        "timed": hasattr(value, "_elapsed"),
        "extensions": sorted(value.extensions),
        "keys": sorted(value.__dict__),
        "request": observe(value.request, depth),
    }


def _request(value: Any, depth: int) -> Plain:
    kind = value.headers.get("content-type", "")
    return {
        "method": value.method,
        "url": steady(str(value.url)),
        "headers": header_pairs(value.headers.multi_items()),
        "content": body_bytes(kind, value.content) if hasattr(value, "_content") else "not read",
        "timeout": observe(value.extensions.get("timeout"), depth),
    }


def _raw_response(value: Any, depth: int) -> Plain:
    return {
        "raw": name_of(type(value)),
        "response": observe(value.http_response, depth),
        "retries": value.retries_taken,
        "request_id": observe(getattr(value, "request_id", "no such attribute"), depth),
        "keys": sorted(vars(value)),
        "parsed": len(getattr(value, "_parsed_by_type", ())),
        "text": steady(repr(value)),
    }


_HTTP = {
    "Response": _response,
    "Request": _request,
    "Headers": lambda value, depth: header_pairs(value.multi_items()),
    "URL": lambda value, depth: steady(str(value)),
    "Timeout": lambda value, depth: repr(value),
}
_LOOKS: tuple[tuple[Any, Any], ...] = (
    (BaseModel, _model),
    (BaseException, _error),
    (Enum, lambda value, depth: (name_of(type(value)), value.name)),
    (Mapping, _mapping),
    ((list, tuple), _sequence),
    ((set, frozenset), _set),
    (type, lambda value, depth: ("class", name_of(value))),
)
