"""From a request to its answer: which endpoint, which reply, which dialect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tokeneff.testing.answers import Answer, Frame, Headers
from tokeneff.testing.deliver import STRAIGHT
from tokeneff.testing.errors import error_answer
from tokeneff.testing.faults import Broken, Failure, Fault, Silence
from tokeneff.testing.recorded import RecordedRequest
from tokeneff.testing.replies import Reply
from tokeneff.testing.routes import Route, find_route
from tokeneff.testing.store import Store
from tokeneff.testing.turn import Turn

Scripted = Reply | Fault
Script = Scripted | Callable[[RecordedRequest], Scripted]

GREETING = Reply(text="Hello from the fake provider.")


@dataclass(frozen=True, slots=True)
class Planned:
    """An answer, and how to deliver it."""

    answer: Answer
    how: Broken
    compress: bool
    last_words: Callable[[int], Frame]


def plan(request: RecordedRequest, script: Script, default: Script, store: Store) -> Planned | Silence:
    """The answer to `request` by the script's item; `default` fills in where a fault names no reply."""
    route = find_route(request.method, request.path)
    dialect = route.dialect
    if dialect == "either":
        dialect = "anthropic" if request.header("anthropic-version") else "openai"
    scripted = _scripted(script, request)
    if isinstance(scripted, Silence):
        return scripted
    how = scripted if isinstance(scripted, Broken) else STRAIGHT
    reply = scripted if isinstance(scripted, Reply) else how.reply or _fallback(default, request)
    payload = route.payload(request.payload())
    turn = Turn(request, payload, reply, store, route.params, how.usage, route.azure, dialect)
    failure = scripted if isinstance(scripted, Failure) else None
    if failure is None and how.error_after is not None and not turn.stream:
        failure = how.error
    if failure is not None:
        answer = error_answer(failure, dialect, turn.request_id, turn.headers())
    else:
        answer = _rendered(route, turn)

    def last_words(sent: int) -> Frame:
        return route.error_frame(how.error or Failure("server_error"), turn, sent)

    return Planned(answer, how, reply.gzip and failure is None, last_words)


def _scripted(script: Script, request: RecordedRequest) -> Scripted:
    if not callable(script):
        return script
    try:
        scripted = script(request)
    except Exception as error:  # noqa: BLE001 - a test's own function: its fault is shown to the client, once
        told = f"the provider's default raised {type(error).__name__}: {error}"
        return Failure("server_error", told, 500, headers={"x-should-retry": "false"})
    if isinstance(scripted, Scripted):  # pyright: ignore[reportUnnecessaryIsInstance]
        return scripted
    told = f"the provider's default returned {type(scripted).__name__}, not a Reply or a fault"
    return Failure("server_error", told, 500, headers={"x-should-retry": "false"})


def _fallback(default: Script, request: RecordedRequest) -> Reply:
    scripted = _scripted(default, request)
    if isinstance(scripted, Broken):
        scripted = scripted.reply or GREETING
    return scripted if isinstance(scripted, Reply) else GREETING


def _rendered(route: Route, turn: Turn) -> Answer:
    try:
        return _with_extras(_render(route, turn), turn.reply)
    except Exception as error:  # noqa: BLE001 - a request of a shape not foreseen: say so instead of hanging up
        told = f"the fake provider could not answer: {type(error).__name__}: {error}"
        failure = Failure("server_error", told, 500, headers={"x-should-retry": "false"})
        return error_answer(failure, turn.dialect, turn.request_id, turn.headers())


def _render(route: Route, turn: Turn) -> Answer:
    reply = turn.reply
    if reply.json is not None:
        return turn.json(reply.json)
    if reply.data is not None and not route.binary:
        return Answer(200, (("content-type", "application/octet-stream"), *turn.headers()), reply.data)
    return route.render(turn)


def _with_extras(answer: Answer, reply: Reply) -> Answer:
    if not reply.headers:
        return answer
    given = {name.lower() for name in reply.headers}
    kept: Headers = tuple(pair for pair in answer.headers if pair[0].lower() not in given)
    return Answer(answer.status, (*kept, *reply.headers.items()), answer.body, answer.frames)
