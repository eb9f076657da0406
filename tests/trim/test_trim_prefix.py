"""Of a conversation, each request begins as the one before it was sent, but for what was declared: whoever sends it."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trim_market_kit import agent, market, sent, turns

from tokeneff.trim.planning._plan import is_cleared


class Sent(NamedTuple):
    """A request as it left."""

    messages: list[Any]
    texts: dict[tuple[Any, ...], str]

    @property
    def cleared(self) -> dict[tuple[Any, ...], str]:
        return {path: text for path, text in self.texts.items() if is_cleared(text)}


Sender = Callable[[dict[str, Any]], list[Sent]]


def by(place: Any) -> Callable[[dict[str, Any]], Sent]:
    def send(body: dict[str, Any]) -> Sent:
        made = sent(place, "messages", body, "anthropic")
        assert made.planned is not None
        return Sent(json.loads(json.dumps(made.body["messages"])), dict(made.planned.texts))

    return send


class Process:
    """Another process, over the same store."""

    def __init__(self, url: str) -> None:
        here = Path(__file__).parent
        self._worker = subprocess.Popen(
            [sys.executable, str(here / "trim_prefix_worker.py"), url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __call__(self, body: dict[str, Any]) -> list[Sent]:
        assert self._worker.stdin is not None
        assert self._worker.stdout is not None
        self._worker.stdin.write(json.dumps(body) + "\n")
        self._worker.stdin.flush()
        messages, texts = json.loads(self._worker.stdout.readline())
        return [Sent(messages, {tuple(path): text for path, text in texts})]

    def close(self) -> None:
        self._worker.communicate(timeout=30)


@pytest.fixture(scope="module")
def senders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Sender]]:
    """Another process, this one, this one as if it had just begun, and threads of this one at once."""
    url = f"sqlite:///{tmp_path_factory.mktemp('prefix') / 'trim.db'}"
    process = Process(url)
    here = by(market(url))

    def restarted(body: dict[str, Any]) -> list[Sent]:
        return [by(market(url))(body)]

    def at_once(body: dict[str, Any]) -> list[Sent]:
        other = by(market(url))
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda send: send(body), [here, other, here, other]))

    yield [process, lambda body: [here(body)], restarted, at_once]
    process.close()


def conversation(sizes: list[int]) -> list[dict[str, Any]]:
    """Its requests. Some results are tables, some the same as an earlier one; nobody had it before."""
    body = agent(sizes)
    body["messages"][0]["content"] = f"Find the fault {uuid.uuid4()}."
    for place, message in enumerate(body["messages"][2::2]):
        if place % 3 == 1:
            rows = [{"id": f"row-{place}-{number}", "name": "a name"} for number in range(sizes[place])]
            message["content"][0]["content"] = json.dumps(rows, indent=4)
        elif place % 6 == 5:
            message["content"][0]["content"] = body["messages"][2]["content"][0]["content"]
        else:
            lines = [
                f"{word(number * 97 + place)} is on a line of its own, which nobody needs\n"
                for number in range(sizes[place])
            ]
            message["content"][0]["content"] = "".join(lines) or "nothing"
    return turns(body)


def word(number: int) -> str:
    return "".join(chr(97 + number // 26**digit % 26) for digit in range(4))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from((0, 20, 150, 700)), min_size=4, max_size=7),
    st.lists(st.integers(0, 3), min_size=10, max_size=10),
)
def test_what_was_sent_stays_but_for_what_is_declared(senders: list[Sender], sizes: list[int], who: list[int]) -> None:
    before: list[Sent] = []
    for place, body in enumerate(conversation(sizes)):
        now = senders[who[place]](body)
        for one in before:
            for later in now:
                assert_goes_on(one, later)
        assert len({json.dumps([*arrived(one).items()]) for one in now}) == 1, "what arrives is the same to all"
        before = now


def arrived(one: Sent) -> dict[str, str]:
    return {repr(path): text for path, text in one.texts.items() if path not in one.cleared}


def assert_goes_on(one: Sent, later: Sent) -> None:
    for path, text in one.cleared.items():
        assert later.texts[path] == text, "what was left out stays so"
    declared = {path[1] for path, text in later.cleared.items() if path not in one.cleared}
    # What referred to something that is left out now is sent as it was.
    declared |= {path[1] for path in one.texts if declared and path not in later.texts}
    for number, (message, again) in enumerate(zip(one.messages, later.messages, strict=False)):
        assert message == again or number in declared


def test_the_same_request_again_is_the_same(senders: list[Sender]) -> None:
    bodies = conversation([700, 150, 700, 20, 700, 0, 150])
    first = [senders[1](body)[0] for body in bodies]
    assert any(one.cleared for one in first), "something is left out"
    assert any(len(one.texts) > len(one.cleared) for one in first), "something is made shorter"
    for send in senders:
        for body, made in reversed(list(zip(bodies, first, strict=True))):
            for one in send(body):
                assert one == made
