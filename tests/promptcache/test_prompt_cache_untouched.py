"""Whatever a request says: with what was added taken out again, it is the caller's to the byte."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prompt_host import LONG, Host

pytestmark = pytest.mark.property

_MARK = {"type": "ephemeral"}
_OURS = ("cache_control", "prompt_cache_breakpoint", "prompt_cache_key", "prompt_cache_options")
_TEXTS = st.sampled_from(["", " ", "Hi", "naïve é \U0001f600 \u2028", '{"cache_control": 1}', LONG[:3000], LONG])
_OWN = st.sampled_from([None] * 30 + [_MARK, {**_MARK, "ttl": "1h"}])
_QUICK = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def _block(draw: st.DrawFn, who: str) -> dict[str, Any]:
    kinds = ["text", "text", "image", "tool_result"] if who == "user" else ["text", "tool_use", "thinking"]
    kind, text = draw(st.sampled_from(kinds)), draw(_TEXTS)
    block: dict[str, Any] = {
        "text": {"type": "text", "text": text},
        "image": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        "tool_result": {"type": "tool_result", "tool_use_id": "t", "content": draw(st.sampled_from([text, []]))},
        "tool_use": {"type": "tool_use", "id": "t", "name": "find", "input": {"q": text}},
        "thinking": {"type": "thinking", "thinking": text, "signature": "s"},
    }[kind]
    own = draw(_OWN)
    return block if own is None or kind == "thinking" else {"cache_control": own, **block}


def _message(who: str) -> st.SearchStrategy[dict[str, Any]]:
    content = st.one_of(_TEXTS, st.lists(_block(who), max_size=3))
    return st.builds(lambda said: {"role": who, "content": said}, content)


_SYSTEM = st.one_of(
    st.none(), _TEXTS, st.lists(st.builds(lambda text: {"type": "text", "text": text}, _TEXTS), max_size=2)
)
_TOOLS = st.lists(
    st.builds(
        lambda name, text, more: {"name": name, "description": text, "input_schema": {"type": "object"}, **more},
        st.sampled_from(["find", "read"]),
        _TEXTS,
        st.sampled_from([{}, {}, {"defer_loading": True}]),
    ),
    max_size=2,
)


def restored(sent: Any, given: Any) -> Any:
    """What was sent, without what is ours; a text that was made a block to carry a mark is a text again."""
    if isinstance(sent, dict):
        if not isinstance(given, dict):
            return sent
        names = [name for name in sent if name in given or name not in _OURS]
        return {name: restored(sent[name], given.get(name)) for name in names}
    if isinstance(sent, list):
        if isinstance(given, str) and len(sent) == 1 and sent[0].keys() & set(_OURS):
            return sent[0]["text"]
        if not isinstance(given, list) or len(sent) != len(given):
            return sent
        return [restored(one, other) for one, other in zip(sent, given, strict=True)]
    return sent


def marks(body: Any) -> int:
    """How many blocks of a request have a breakpoint."""
    if isinstance(body, list):
        return sum(map(marks, body))
    if isinstance(body, dict):
        names = ("cache_control", "prompt_cache_breakpoint")
        return sum(name in body for name in names) + sum(marks(body[name]) for name in body if name not in names)
    return 0


@_QUICK
@given(
    st.lists(st.tuples(_message("user"), _message("assistant")), min_size=1, max_size=6),
    _SYSTEM,
    _TOOLS,
    st.sampled_from(["claude-opus-5", "claude-sonnet-5", "claude-haiku-4-5"]),
)
def test_anthropic_gets_the_callers_bytes_and_at_most_four_marks(
    turns: list[Any], system: Any, tools: list[Any], model: str
) -> None:
    host, bare = Host(), Host()
    clients = host.client(), bare.client(wrapped=False)
    body: dict[str, Any] = {"model": model, "max_tokens": 9, "messages": []}
    body |= ({} if system is None else {"system": system}) | ({"tools": tools} if tools else {})
    for user, assistant in turns:
        body["messages"] = [*body["messages"], user]
        before = copy.deepcopy(body)
        for each in clients:
            each.messages.create(**body)
        assert body == before
        given = bare.bodies[-1]
        assert json.dumps(restored(host.bodies[-1], given)) == json.dumps(given)
        assert marks(host.bodies[-1]) <= 4 if not marks(given) else host.bodies[-1] == given
        body["messages"] = [*body["messages"], assistant]


@_QUICK
@given(
    st.lists(st.tuples(_TEXTS, _TEXTS), min_size=1, max_size=5),
    _TEXTS,
    st.booleans(),
    st.sampled_from(["gpt-5", "gpt-5.6"]),
    st.sampled_from([{}, {}, {"user": "u"}, {"prompt_cache_key": "mine"}]),
)
def test_openai_gets_the_callers_bytes(
    turns: list[Any], system: str, blocks: bool, model: str, own: dict[str, Any]
) -> None:
    host, bare = Host(), Host()
    clients = host.client("openai"), bare.client("openai", wrapped=False)
    content: Any = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": system}] if blocks else system
    for user, assistant in turns:  # each twice: another conversation shares the head
        for name in ("one", "two"):
            talk = [{"role": "system", "content": content}, {"role": "user", "content": f"{name} {user}"}]
            talk += [{"role": "assistant", "content": assistant}, {"role": "user", "content": "More"}]
            before = copy.deepcopy(talk)
            for each in clients:
                each.chat.completions.create(model=model, messages=talk, **own)
            assert talk == before
            given, sent = bare.bodies[-1], host.bodies[-1]
            assert json.dumps(restored(sent, given)) == json.dumps(given)
            assert sent == given if own else marks(sent) <= 1
