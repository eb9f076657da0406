"""Which endpoint a path means, in whatever place it is mounted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from tokeneff.testing import anthropic_messages, openai_chat, openai_other, openai_responses
from tokeneff.testing.answers import Answer
from tokeneff.testing.errors import error_answer
from tokeneff.testing.faults import Failure
from tokeneff.testing.turn import Turn

Render = Callable[[Turn], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint: whose dialect it speaks, and what renders it."""

    dialect: str
    render: Render
    params: tuple[str, ...] = ()
    azure: bool = False
    binary: bool = False


# (method, end of the path, dialect, renderer). Ends only: /v1, /openai/deployments/X, /v1beta/openai… come before.
_ENDS: list[tuple[str, str, str, Render]] = [
    ("POST", r"/chat/completions", "openai", openai_chat.chat),
    ("POST", r"/completions", "openai", openai_chat.legacy),
    ("POST", r"/responses", "responses", openai_responses.create),
    ("POST", r"/embeddings", "openai", openai_other.embeddings),
    ("POST", r"/messages", "anthropic", anthropic_messages.create),
]
_TABLE = [(method, re.compile(end + "/?$"), dialect, render) for method, end, dialect, render in _ENDS]
_AZURE = re.compile(r"/openai/(deployments/[^/]+|v1)/")


def unknown(turn: Turn) -> Answer:
    """404, as each provider says it."""
    request = turn.request
    failure = Failure("bad_request", f"Unknown request URL: {request.method} {request.path}.", 404, "unknown_url")
    return error_answer(failure, turn.dialect, turn.request_id, turn.headers())


@lru_cache(maxsize=1024)
def find_route(method: str, path: str) -> Route:
    """The endpoint of `path`; one that answers 404 where there is none."""
    for wanted, end, dialect, render in _TABLE:
        if wanted == method and (match := end.search(path)):
            azure = dialect != "anthropic" and bool(_AZURE.search(path))
            return Route(dialect, render, match.groups(), azure)
    return Route("either", unknown)
