"""Turning a whole reply into the events of a stream, and a stream's events into the whole reply, as plain JSON.

A kept reply answers both shapes of the same call by these. Both ways give ``None`` where anything in the reply is not
known here: then it is not turned, and the call is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

Json: TypeAlias = dict[str, Any]
Event: TypeAlias = tuple[str | None, Any]
"""The name of a server-sent event, and its data: parsed JSON, or text that is none."""
DONE: Event = (None, "[DONE]")


class Turning(NamedTuple):
    """How the replies of one endpoint are turned."""

    whole: Callable[[Sequence[Json]], Json | None]
    """From the data of a stream's events to the whole reply."""
    events: Callable[[Json, Mapping[str, Any]], list[Event] | None]
    """From the whole reply, and the request's body, to the events of a stream."""


_WORD = re.compile(r"\S+\s*|\s+")


def words(text: str) -> list[str]:
    """A text in pieces of about the size that providers stream; joined they are the text."""
    return _WORD.findall(text)


def objects(value: object) -> list[Json] | None:
    """A list of JSON objects, or ``None`` where it is anything else."""
    if not isinstance(value, list):
        return None
    found = cast("list[object]", value)
    return cast("list[Json]", found) if all(type(item) is dict for item in found) else None


def nothing(value: object) -> bool:
    """Whether a field says nothing: absent, null, or empty."""
    return value is None or value in ("", [], {})
