"""What a model's turn called, by dialect, and whether a result shows a file as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tokeneff._plain import fields, items, plain, string


class Called(NamedTuple):
    """A call that a model made."""

    call: str
    tool: str
    arguments: str
    """JSON as it was written, or as its values would be."""


_FILE_TOOL = re.compile(
    r"^(?:read|view|cat|open|load|edit|write|multiedit|create|append|notebook\w*|text_?editor)$"
    r"|(?:^|[_.-])(?:fs|file_?system)(?:$|[_.-])"
    r"|(?:read|view|open|load|fetch|retrieve|download|print|get|show|cat|edit|write|create|update|patch|replace|insert)"
    r"\w*?[_.-]?(?<!pro)(?:files?|lines?|code|source|notebook|document|contents?|range)(?:$|[_.-])"
    r"|str_replace|apply_patch|editor",
    re.IGNORECASE,
)
_SHOWN = (
    r"(?:^|[\s;&|(\"'`/])(?:cat|bat|sed|head|tail|nl|awk|less|more|diff|xxd|od|hexdump|type|get-content"
    r"|git (?:\S+ ){0,8}?(?:diff|show|apply|blame|stash)|grep|rg|ack)"
)
_SHOWS = re.compile(rf"{_SHOWN}(?=[\s\"'])", re.IGNORECASE)
"""In a command."""
_SHOWS_A_PATH = re.compile(
    rf"{_SHOWN}\s+(?:-{{1,2}}\w|[\\'\"]*[\w~./$*-]*[./~][\w*$])"
    r"|\b(?:open|openSync|fopen|read_?text|read_?bytes|read_?lines?|slurp|file_get_contents|ReadAll\w+|createReadStream"
    r"|readFile\w*|File\.read\w*|fs\.read\w*|linecache\.\w+|getsource\w*)\(",
    re.IGNORECASE,
)
"""In any other text, where such words may be English."""
_PATH = re.compile(
    r"(?:^|(?<!command\")(?<!cmd\")(?<!script\"):\s*\"|[\[,]\s*\")(?!\w{2,9}://)"
    r"(?:[^\"\s@*?]{0,300}\.(?!(?:com|org|net|edu|gov|io|ai|app|info)[\":])[a-z]\w{0,9}"
    r"|(?:[/~.]|[a-z]:\\)[^\"*?\n]{0,300}[/\\][^\"*?\n]{0,100}\.[a-z]\w{0,9}"
    r"|(?:[^\"\s*?]{0,300}/)?(?:Makefile|Dockerfile|README|LICENSE))(?::\d[\d:-]*)?(?:\"|$)",
    re.IGNORECASE,
)
"""A value that is a file's path: it ends in a dot and letters, and is no address of mail, of a host or of a page."""
_FIRST, _LAST = 3000, 1000
"""Characters of arguments that are looked at."""


def calls_of(dialect: str, message: Any) -> Iterator[Called]:
    """The calls of a message; none where it is something else, whatever it is."""
    found = fields(message) or {}
    if dialect == "chat":
        for call in items(found.get("tool_calls")):
            one = fields(call) or {}
            function = fields(one.get("function")) or fields(one.get("custom")) or {}
            yield _called(one.get("id"), function.get("name"), function.get("arguments") or function.get("input"))
    elif dialect == "responses":
        if string(found.get("type")) in ("function_call", "custom_tool_call"):
            yield _called(found.get("call_id"), found.get("name"), found.get("arguments") or found.get("input"))
    elif not isinstance(found.get("content"), str):
        for block in items(found.get("content")):
            one = fields(block) or {}
            if string(one.get("type")) in ("tool_use", "server_tool_use", "mcp_tool_use"):
                yield _called(one.get("id"), one.get("name"), one.get("input"))


def _called(call: Any, tool: Any, given: Any) -> Called:
    text = string(given)
    if text is None:
        text = "" if given is None else _json(given)
    return Called(string(call) or "", string(tool) or "", text)


def _json(given: Any) -> str:
    try:
        return json.dumps(given, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return json.dumps(plain(given), ensure_ascii=False, separators=(",", ":"))


def shows_a_file(tool: str, arguments: str) -> bool:
    """Whether the very characters of a result may have to be repeated: it is of a tool that reads or changes files, of
    a shell or an interpreter that was told to show one, or of any tool that was given a file's path.

    >>> shows_a_file("read_file", ""), shows_a_file("bash", '{"command":"cat a.json"}')
    (True, True)
    >>> shows_a_file("run", '{"code":"print(open(1).read())"}'), shows_a_file("get", '{"what":"src/a.py"}')
    (True, True)
    >>> shows_a_file("get_user_details", "{}"), shows_a_file("bash", '{"command":"make test"}')
    (False, False)
    """
    if _FILE_TOOL.search(tool):
        return True
    text = arguments if len(arguments) <= _FIRST + _LAST else f"{arguments[:_FIRST]}\n{arguments[-_LAST:]}"
    # Of a line break within a value stand two characters in JSON: the word behind it begins a command.
    text = text.replace("\\n", " \n").replace("\\t", " \t")
    shows = _SHOWS if "command" in text or "cmd" in text else _SHOWS_A_PATH
    return bool(shows.search(text) or _SHOWS_A_PATH.search(text) or _PATH.search(text))
