"""Trace files, read line by line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from ._json import values
from ._shapes import conversation_of
from ._values import BrokenLine, Conversation, UnreadableError


def read(
    source: str | os.PathLike[str] | BinaryIO, *, name: str | None = None, tools: Sequence[dict[str, Any]] = ()
) -> Iterator[Conversation | BrokenLine]:
    """Read recorded conversations, one after another, as the calls that made them.

    ```python
    for item in tokeneff.traces.read("trace.jsonl"):
        if isinstance(item, BrokenLine):
            print("skipped", item)
        else:
            for call in item.calls:
                print(item.id, call.model, len(call.request["messages"]), call.usage)
    ```

    A record is a conversation (`messages`, and where known `calls` with usage), a request body, a pair of `request`
    and `response`, or a line of a batch file. The file is JSON lines (held in memory one line at a time) or a JSON
    array. What cannot be used is yielded as a `BrokenLine`, in its place. Messages are sent as recorded, except for
    what a provider would refuse: fields of the recorder's own, empty text, thinking without its signature.

    Args:
        source: a path, or a file open for reading bytes, which stays open.
        name: what broken lines call the file; the path if not given.
        tools: tool schemas to send with OpenAI-shaped conversations that keep none themselves.

    Raises:
        OSError: the file cannot be opened or read.
    """
    if not isinstance(source, str | os.PathLike):
        yield from _read(source, name or str(getattr(source, "name", "<stream>")), tools)
        return
    with open(source, "rb") as stream:
        yield from _read(stream, name or os.fspath(source), tools)


def _read(stream: BinaryIO, file: str, tools: Sequence[dict[str, Any]]) -> Iterator[Conversation | BrokenLine]:
    stem = Path(file).stem
    for item in values(stream, file):
        if isinstance(item, BrokenLine):
            yield item
            continue
        line, value = item
        records = cast("list[Any]", value) if _is_list_of_records(value) else [value]
        for index, record in enumerate(records):
            fallback = f"{stem}:{line}" if len(records) == 1 else f"{stem}:{line}.{index + 1}"
            try:
                yield conversation_of(record, file, line, fallback, tools)
            except UnreadableError as error:
                yield BrokenLine(file, line, str(error))
            except RecursionError:
                yield BrokenLine(file, line, "not usable: nested too deeply")


def _is_list_of_records(value: Any) -> bool:
    """Tell a list of records from a list that is one conversation's messages."""
    if not isinstance(value, list):
        return False
    return not any(isinstance(item, dict) and "role" in item for item in cast("list[Any]", value))


def tools_beside(trace: str | os.PathLike[str]) -> Path | None:
    """Return the tool schema file that lies beside a trace: `shop_tools.json` for `shop_gpt4o.jsonl`, or None."""
    path = Path(trace)
    found = [
        file for file in path.parent.glob("*_tools.json") if path.stem.startswith(file.stem.removesuffix("_tools"))
    ]
    return max(found, key=lambda file: len(file.stem), default=None)
