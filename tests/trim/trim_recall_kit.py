"""What tests of recall share: a model that asks for what it was not shown, and loops as callers write them."""

from __future__ import annotations

import inspect
import json
import re
import uuid
from typing import Any

import tokeneff
from tokeneff.testing import Reply, ToolCall, Usage

MODELS = {"chat": "gpt-4.1-mini", "responses": "gpt-4.1-mini", "messages": "claude-sonnet-4-6"}
SYSTEM = "You look after a server. " * 600
LOG = "\n".join(f"step {number} of the build: {'compiled and linked ' * 3}in {number * 7} ms" for number in range(300))
QUESTION = "How long did step 150 take?"
ANSWER = "1050 ms"
RUN: dict[str, Any] = {
    "type": "object",
    "properties": {"command": {"type": "string"}},
    "required": ["command"],
    "additionalProperties": False,
}
NAME = re.compile(r"recall_left_out\(\\*\"([0-9a-f]{32})")


def recalling(**more: Any) -> tokeneff.Trim:
    """Trimming with recall, in a store of its own."""
    return tokeneff.Trim(**{"recall": True, "store": f"memory://{uuid.uuid4().hex}", **more})


def curious(request: Any) -> Reply:
    """It runs a tool, fetches back what it was not shown of the result, and is done."""
    asked, usage = len(results(request.json)), Usage(9_000, 5)
    if not asked:
        return Reply(tool_calls=(ToolCall("run", {"command": "make"}),), usage=usage)
    found = NAME.search(json.dumps(request.json))
    if asked == 1 and found is not None:
        return Reply(tool_calls=(ToolCall("recall_left_out", {"name": found[1], "lines": ""}),), usage=usage)
    return Reply(text=ANSWER, usage=usage)


def results(body: dict[str, Any]) -> list[str]:
    """What tools said, as the model sees it."""
    found: list[str] = []
    for message in body.get("messages", body.get("input", [])):
        if message.get("role") == "tool":
            found.append(message["content"])
        elif message.get("type") == "function_call_output":
            found.append(message["output"])
        elif isinstance(message.get("content"), list):
            blocks = [block for block in message["content"] if block.get("type") == "tool_result"]
            found += [text if isinstance(text := block["content"], str) else text[0]["text"] for block in blocks]
    return found


def tools_of(dialect: str, recall: tokeneff.Recall | None) -> list[Any]:
    """A tool of the caller's own, and the one that recalls."""
    run = {"name": "run", "description": "Runs.", "parameters": RUN, "strict": True}
    if dialect == "messages":
        own: dict[str, Any] = {"name": "run", "description": "Runs.", "input_schema": RUN}
        return [own] if recall is None else [recall.anthropic, own]
    if dialect == "responses":
        own = {"type": "function", **run}
        return [own] if recall is None else [recall.responses, own]
    own = {"type": "function", "function": run}
    return [own] if recall is None else [recall.openai, own]


async def ready(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def loop(
    client: Any, dialect: str, recall: tokeneff.Recall | None, *, streamed: bool = False, text: str = LOG
) -> str:
    """A caller's own loop: it asks until the model calls no tool any more, and gives back what it said then."""
    recalled: Any = recall and (recall.aanswer if "Async" in type(client).__name__ else recall.answer)
    said: list[Any] = [{"role": "user", "content": QUESTION}]
    body: dict[str, Any] = {"model": MODELS[dialect], "tools": tools_of(dialect, recall)}
    if dialect == "chat":
        said.insert(0, {"role": "system", "content": SYSTEM})
    else:
        body |= {"system": SYSTEM, "max_tokens": 100} if dialect == "messages" else {"instructions": SYSTEM}
    for _ in range(4):
        body["input" if dialect == "responses" else "messages"] = said
        turn, calls, last = _TAKEN[dialect](await ask(client, dialect, streamed, body))
        if not calls:
            return last
        said += turn
        answers = [(recalled and await ready(recalled(call))) or _answered(dialect, call, text) for call in calls]
        said += [{"role": "user", "content": answers}] if dialect == "messages" else answers
    raise AssertionError("it does not end")


def create(client: Any, dialect: str) -> Any:
    """The method that asks."""
    return (client.chat.completions if dialect == "chat" else getattr(client, dialect)).create


def body_of(dialect: str, tools: list[Any], calls: list[tuple[str, dict[str, Any], str]]) -> dict[str, Any]:
    """A request of a conversation in which tools were called: the name, the arguments and the result of each."""
    said: list[Any] = [{"role": "user", "content": QUESTION}]
    for turn, (name, arguments, text) in enumerate(calls):
        call = ToolCall(name, arguments, f"c{turn}")
        if dialect == "chat":
            function = {"name": name, "arguments": call.arguments_json}
            asked = [{"id": call.id, "type": "function", "function": function}]
            said += [{"role": "assistant", "content": None, "tool_calls": asked}]
            said += [{"role": "tool", "tool_call_id": call.id, "content": text}]
        elif dialect == "responses":
            asked = {"type": "function_call", "call_id": call.id, "name": name, "arguments": call.arguments_json}
            said += [asked, {"type": "function_call_output", "call_id": call.id, "output": text}]
        else:
            used = {"type": "tool_use", "id": call.id, "name": name, "input": arguments}
            done = {"type": "tool_result", "tool_use_id": call.id, "content": text}
            said += [{"role": "assistant", "content": [used]}, {"role": "user", "content": [done]}]
    body = {"model": MODELS[dialect], "tools": tools, "input" if dialect == "responses" else "messages": said}
    return {**body, "max_tokens": 100} if dialect == "messages" else body


async def ask(client: Any, dialect: str, streamed: bool, body: dict[str, Any]) -> Any:
    if not streamed:
        return await ready(create(client, dialect)(**body))
    place = client.chat.completions if dialect == "chat" else getattr(client, dialect)
    manager, got = place.stream(**body), {"chat": "completion", "responses": "response", "messages": "message"}[dialect]
    if hasattr(manager, "__aenter__"):
        async with manager as stream:
            return await getattr(stream, f"get_final_{got}")()
    with manager as stream:
        return getattr(stream, f"get_final_{got}")()


def _chat(reply: Any) -> tuple[list[Any], list[Any], str]:
    message = reply.choices[0].message
    calls = message.tool_calls or []
    asked = [
        {"id": one.id, "type": "function", "function": {"name": one.function.name, "arguments": one.function.arguments}}
        for one in calls
    ]
    return [{"role": "assistant", "content": message.content, "tool_calls": asked}], calls, message.content or ""


def _responses(reply: Any) -> tuple[list[Any], list[Any], str]:
    calls = [item for item in reply.output if item.type == "function_call"]
    turn = [
        {"type": "function_call", "call_id": one.call_id, "name": one.name, "arguments": one.arguments} for one in calls
    ]
    return turn, calls, reply.output_text


def _messages(reply: Any) -> tuple[list[Any], list[Any], str]:
    calls = [block for block in reply.content if block.type == "tool_use"]
    turn = [{"type": "tool_use", "id": one.id, "name": one.name, "input": one.input} for one in calls]
    return [{"role": "assistant", "content": turn}], calls, "".join(getattr(one, "text", "") for one in reply.content)


_TAKEN: dict[str, Any] = {"chat": _chat, "responses": _responses, "messages": _messages}


def _answered(dialect: str, call: Any, text: str) -> Any:
    if dialect == "chat":
        return {"role": "tool", "tool_call_id": call.id, "content": text}
    if dialect == "responses":
        return {"type": "function_call_output", "call_id": call.call_id, "output": text}
    return {"type": "tool_result", "tool_use_id": call.id, "content": text}
