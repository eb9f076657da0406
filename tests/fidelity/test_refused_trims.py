"""A provider that takes no trimmed request: the caller sees what a bare client shows that sends the original."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from probing.comparing import differences
from probing.kinds import KINDS, Kind
from probing.lab import Lab, Probe
from probing.running import record
from probing.wrappings import BARE, Make, Wrapping

import tokeneff
from tokeneff.testing import Fault, Reply, Usage, faults
from tokeneff.testing.recorded import RecordedRequest

ROWS = json.dumps([{"id": f"item-{n}", "name": f"thing number {n}", "price": n * 1.5} for n in range(60)], indent=4)
SAID = Reply(text="As it was.", usage=Usage(input_tokens=900, output_tokens=5), id="one")


def chat(lab: Lab) -> dict[str, Any]:
    messages: list[Any] = [{"role": "user", "content": "What is there?"}]
    for turn in range(3):
        call = {"id": f"c{turn}", "type": "function", "function": {"name": "list", "arguments": "{}"}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{turn}", "content": f"{turn}\n{ROWS}"})
    return {"model": "gpt-4.1-mini", "messages": messages}


def responses(lab: Lab) -> dict[str, Any]:
    items: list[Any] = [{"role": "user", "content": "What is there?"}]
    for turn in range(3):
        items.append({"type": "function_call", "call_id": f"c{turn}", "name": "list", "arguments": "{}"})
        items.append({"type": "function_call_output", "call_id": f"c{turn}", "output": f"{turn}\n{ROWS}"})
    return {"model": "gpt-4.1-mini", "input": items}


def messages(lab: Lab) -> dict[str, Any]:
    found: list[Any] = [{"role": "user", "content": "What is there?"}]
    for turn in range(3):
        call = {"type": "tool_use", "id": f"c{turn}", "name": "list", "input": {}}
        result = {"type": "tool_result", "tool_use_id": f"c{turn}", "content": f"{turn}\n{ROWS}"}
        found += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    return {"model": "claude-sonnet-4-6", "max_tokens": 100, "messages": found}


ENDPOINTS: dict[str, tuple[str, str, Callable[[Lab], dict[str, Any]]]] = {
    "chat": ("openai", "chat.completions", chat),
    "responses": ("openai", "responses", responses),
    "messages": ("anthropic", "messages", messages),
}
HOW: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "plain": lambda place, asked: place.create(**asked),
    "stream": lambda place, asked: place.create(**asked, stream=True),
    "raw": lambda place, asked: place.with_raw_response.create(**asked),
    "raw stream": lambda place, asked: place.with_raw_response.create(**asked, stream=True),
}
ENDS = ("taken", "refused", "busy")
"""What becomes of the original: it is taken; it is refused as well; it is taken at the second try of the SDK."""


def probe_of(endpoint: str, how: str, end: str) -> Probe:
    family, path, body = ENDPOINTS[endpoint]

    async def run(lab: Lab) -> None:
        tries: list[int] = []

        def answer(request: RecordedRequest) -> Reply | Fault:
            whole = json.dumps(request.json).count(json.dumps(ROWS)[1:-1])
            if whole < 3:
                return faults.bad_request("messages.2: something is missing", status=400)
            tries.append(whole)
            if end == "refused":
                return faults.bad_request("messages: no", status=(400, 422)[how == "raw"])
            return faults.overloaded() if end == "busy" and len(tries) == 1 else SAID

        lab.provider.default = answer
        place = lab.part(path, client=lab.client.with_options(max_retries=2))
        await lab.call(lambda _: HOW[how](place, body(lab)))

    return Probe(f"{endpoint} {how}, {end}", family, run, fails=end == "refused")


def trimming(make: Make) -> Any:
    return tokeneff.wrap(make(), trim=tokeneff.Trim(store=f"memory://{uuid.uuid4().hex}"))


def unnumbered(value: Any) -> Any:
    """Without the numbers that the provider gives to requests: one more is sent."""
    if isinstance(value, dict):
        return {key: unnumbered(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(unnumbered, value))
    if isinstance(value, bytes):
        return re.sub(rb"(?<=[a-z]_)\d{6}\b", b"NUMBER", value)
    return re.sub(r"(?<=[a-z]_)\d{6}\b", "NUMBER", value) if isinstance(value, str) else value


CASES = [
    pytest.param(endpoint, how, end, kind, id=f"{endpoint}-{how}-{end}-{kind.id}")
    for endpoint in ENDPOINTS
    for how in HOW
    for end in ENDS
    for kind in KINDS
    if kind.plain and kind.family == ENDPOINTS[endpoint][0] and (end != "busy" or how == "plain")
]


@pytest.mark.parametrize(("endpoint", "how", "end", "kind"), CASES)
def test_what_is_refused_is_answered_as_the_original(
    endpoint: str, how: str, end: str, kind: Kind, compared: Callable[[str, int], None]
) -> None:
    probe = probe_of(endpoint, how, end)
    bare, _ = record(probe, kind, BARE)
    wrapped, _ = record(probe, kind, Wrapping("trimming", trimming))
    compared(kind.family, 1)
    refused, *rest = wrapped["wire"]
    assert refused["body"] != rest[0]["body"]
    assert len(rest[0]["body"]) > len(refused["body"])
    assert differences(unnumbered(bare), unnumbered({**wrapped, "wire": rest})) == []
    assert bool(bare["log"][-1][0].endswith("error")) == (end == "refused")
