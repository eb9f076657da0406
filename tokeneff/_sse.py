"""Server-sent events in a finished body, for replies that the caller read as bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def events(content: bytes) -> Iterator[Any]:
    """The JSON data of each event, in order; data that is no JSON, such as ``[DONE]``, is passed over.

    Source: WHATWG HTML, "Server-sent events": lines end in CR, LF or CRLF, an empty line ends an event, and several
    ``data`` lines of one event are joined by line feeds.
    """
    data: list[str] = []
    for line in content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield from _parsed("\n".join(data))
            data = []
    if data:
        yield from _parsed("\n".join(data))


def _parsed(text: str) -> Iterator[Any]:
    try:
        yield json.loads(text)
    except ValueError:
        return
