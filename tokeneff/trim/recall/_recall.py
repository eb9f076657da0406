"""The tool with which a model fetches back what was left out of its requests; the caller's own loop answers it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tokeneff._plain import fields, string
from tokeneff.context import current_tags
from tokeneff.trim._trim import Trim
from tokeneff.trim.memo._opened import memo_of
from tokeneff.trim.memo._vault import Vault
from tokeneff.trim.recall import _frameworks as frameworks
from tokeneff.trim.recall._recalling import TOOL, tenant_of

_NAME = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_LINES = re.compile(r"\s*(?P<first>\d{0,9})\s*(?P<on>-?)\s*(?P<last>\d{0,9})\s*", re.ASCII)
_DESCRIPTION = (
    "Gives back a text that was shortened or left out of this conversation: the result of a tool, or a document, as it "
    f'was. Wherever one can be had, {TOOL}("...") stands there with its name. Call it only if you need what is missing.'
)
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "The 32 characters in quotes, as they stand there."},
        "lines": {"type": "string", "description": 'Which lines of it, as "120-180", counted from 1; "" for all.'},
    },
    "required": ["name", "lines"],
    "additionalProperties": False,
}
_NO_NAME = f'No text was given back: name is missing. It is the 32 characters in {TOOL}("...").'
_NOT_THERE = (
    "No text was given back: there is none of this name, or it is not kept any more, or cannot be reached now. If you "
    "need what was left out, call the tool that gave it again."
)


class Recall:
    """The tool that gives a model back what was left out, in each form that loops and frameworks take tools in.

    Example::

        tool = tokeneff.recall(client)
        reply = client.chat.completions.create(model="gpt-5.1", messages=messages, tools=[tool.openai, *tools])
        for call in reply.choices[0].message.tool_calls or ():
            messages.append(tool.answer(call) or answer(call))

    It may be pickled and shared by threads. Nothing is raised when it is called: what cannot be given back is told to
    the model in words.

    Args:
        trim: where texts are kept, and whose they are: the tags that hold where the tool is called are to be those of
            the requests. awaiting: whether the client is an asynchronous one.
    """

    name = TOOL

    def __init__(self, trim: Trim, awaiting: bool = False) -> None:
        self._trim, self._awaiting = trim, awaiting
        self._memo = memo_of(trim)

    @property
    def openai(self) -> dict[str, Any]:
        """For ``tools=`` of chat completions."""
        told = self.responses
        return {"type": told.pop("type"), "function": told}

    @property
    def responses(self) -> dict[str, Any]:
        """For ``tools=`` of OpenAI's responses."""
        return {
            "type": "function",
            "name": TOOL,
            "description": _DESCRIPTION,
            "parameters": _schema(),
            "strict": True,
        }

    @property
    def anthropic(self) -> dict[str, Any]:
        """For ``tools=`` of Anthropic's messages."""
        return {"name": TOOL, "description": _DESCRIPTION, "input_schema": _schema()}

    def __call__(self, arguments: Any = None, /, **named: Any) -> str:
        """The text that a model asks for, or what it is told instead.

        Args:
            arguments: as the model wrote them: a mapping, or JSON. named: the same by name.
        """
        given = {**_read(arguments), **named}
        asked = given.get("name")
        if not isinstance(asked, str) or not asked.strip():
            return _NO_NAME
        found = _NAME.search(asked.lower())
        vault = Vault(self._memo, tenant_of(self._trim.by, current_tags()))
        text = None if found is None else vault.fetch(found[0])
        return _NOT_THERE if text is None else _part(text, given.get("lines"))

    async def acall(self, arguments: Any = None, /, **named: Any) -> str:
        """The same without waiting for the store in the event loop."""
        if self._memo.store.instant:
            return self(arguments, **named)
        from functools import partial

        from anyio.to_thread import run_sync

        return await run_sync(partial(self, arguments, **named))

    def answer(self, call: Any) -> dict[str, Any] | None:
        """What to add to the messages for a call of this tool; ``None`` for a call of another one.

        Args:
            call: of a reply: one of ``message.tool_calls`` (chat completions), an item of ``output`` (responses), or a
                block of ``content`` (Anthropic, whose results go into one message of the user's together).
        """
        asked = _asked(call)
        return None if asked is None else asked.answered(self(asked.arguments))

    async def aanswer(self, call: Any) -> dict[str, Any] | None:
        """The same without waiting for the store in the event loop."""
        asked = _asked(call)
        return None if asked is None else asked.answered(await self.acall(asked.arguments))

    def anthropic_runnable(self) -> Any:
        """For ``tools=`` of Anthropic's ``client.beta.messages.tool_runner``."""
        return frameworks.anthropic_runnable(self, self._awaiting)

    def openai_agents(self) -> Any:
        """For ``Agent(tools=…)`` of the OpenAI Agents SDK."""
        return frameworks.openai_agents(self)

    def langchain(self) -> Any:
        """For ``bind_tools`` and agents of LangChain and LangGraph."""
        return frameworks.langchain(self)

    def pydantic_ai(self) -> Any:
        """For ``Agent(tools=…)`` of PydanticAI."""
        return frameworks.pydantic_ai(self)

    def __repr__(self) -> str:
        return f"Recall({self._trim!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Recall, (self._trim, self._awaiting)


def recall(client: Any) -> Recall:
    """Get the tool with which the model fetches back what was left out of its requests.

    Example::

        client = tokeneff.wrap(OpenAI(), trim=tokeneff.Trim(recall=True))
        tool = tokeneff.recall(client)
        client.chat.completions.create(model="gpt-5.1", messages=messages, tools=[tool.openai, *tools])

    It is for your loop to list and to answer; nothing is added to a request by itself. Where it is among a request's
    tools, more is left out (the lossy kinds), and each place says how to get it back.

    Args:
        client: a client wrapped with ``trim=Trim(recall=True)``; or that :class:`Trim`, where a framework has the
            client, or another process answers.

    Raises:
        UnsupportedClient: the client is not wrapped.
        ValueError: it is not trimmed with ``recall=True``.
    """
    if isinstance(client, Trim):
        return _checked(client, awaiting=False)
    from tokeneff._client import is_wrapped
    from tokeneff._settings import settings_of
    from tokeneff.errors import UnsupportedClient
    from tokeneff.trim._trim import normalised

    if not is_wrapped(client):
        raise UnsupportedClient(
            f"recall() takes a client that wrap() returned, or a tokeneff.Trim; this {type(client).__name__} is not "
            "wrapped"
        )
    awaiting = any(kind.__name__ == "AsyncAPIClient" for kind in type(client).__mro__)
    return _checked(normalised(settings_of(client).arguments.get("trim")), awaiting)


def _checked(trim: Trim | None, awaiting: bool) -> Recall:
    if trim is None or not trim.recall:
        raise ValueError("recall() needs trim=tokeneff.Trim(recall=True): without, nothing tells the model of the tool")
    return Recall(trim, awaiting)


class _Asked:
    """A call of this tool."""

    def __init__(self, arguments: Any, answer: dict[str, Any], place: str) -> None:
        self.arguments, self._answer, self._place = arguments, answer, place

    def answered(self, text: str) -> dict[str, Any]:
        return {**self._answer, self._place: text}


def _asked(call: Any) -> _Asked | None:
    found = fields(call) or {}
    function = fields(found.get("function"))
    if string((function or found).get("name")) != TOOL:
        return None
    if function is not None:
        return _Asked(function.get("arguments"), {"role": "tool", "tool_call_id": found.get("id")}, "content")
    if string(found.get("type")) == "tool_use":
        return _Asked(found.get("input"), {"type": "tool_result", "tool_use_id": found.get("id")}, "content")
    answer = {"type": "function_call_output", "call_id": found.get("call_id")}
    return _Asked(found.get("arguments"), answer, "output")


def _schema() -> dict[str, Any]:
    return json.loads(json.dumps(_SCHEMA))


def _read(arguments: Any) -> Mapping[str, Any]:
    if isinstance(arguments, (str, bytes)):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return {"name": arguments}
    return fields(arguments) or ({"name": arguments} if isinstance(arguments, str) else {})


def _part(text: str, wanted: Any) -> str:
    found = _LINES.fullmatch(str(wanted)) if isinstance(wanted, (str, int)) else None
    if found is None or not (found["first"] or found["last"]):
        return text
    first = int(found["first"] or 1)
    last = int(found["last"]) if found["last"] else None if found["on"] else first
    lines = text.split("\n")
    part = "\n".join(lines[max(first, 1) - 1 : last])
    return part if part.strip() else f"Nothing stands in these lines: the text has {len(lines)} of them."
