"""Models, and lists in pages as each provider cuts them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from tokeneff.testing.answers import Answer, Json
from tokeneff.testing.errors import error_answer
from tokeneff.testing.faults import Failure
from tokeneff.testing.turn import CREATED, STAMP, Turn


def page(turn: Turn, items: list[Any]) -> Answer:
    """A page of `items`: after `after`/`after_id` (or before `before_id`), at most `limit` of them (20)."""
    query = {name: values[-1] for name, values in parse_qs(turn.request.query).items()}
    ids = [item["id"] for item in items]
    limit = int(query.get("limit", "20"))
    if (before := query.get("before_id")) in ids:
        stop = ids.index(before)
        start = max(0, stop - limit)
        more = start > 0
    else:
        after = query.get("after") or query.get("after_id")
        start = ids.index(after) + 1 if after in ids else 0
        stop = start + limit
        more = stop < len(items)
    shown = items[start:stop]
    body: Json = {
        "data": shown,
        "has_more": more,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }
    return turn.json(body if turn.dialect == "anthropic" else {"object": "list", **body})


def missing(turn: Turn, what: str) -> Answer:
    """404: no such thing."""
    failure = Failure("bad_request", f"No such {what}.", 404)
    return error_answer(failure, turn.dialect, turn.request_id, turn.headers())


def models(turn: Turn) -> Answer:
    """GET /models."""
    listed = [_model(turn, name) for name in turn.store.models]
    return page(turn, listed) if turn.dialect == "anthropic" else turn.json({"object": "list", "data": listed})


def one_model(turn: Turn) -> Answer:
    """GET /models/{id}; 404 for a name that is not listed."""
    name = turn.params[0]
    if name not in turn.store.models:
        return missing(turn, f"model: {name}")
    return turn.json(_model(turn, name))


def delete_model(turn: Turn) -> Answer:
    """DELETE /models/{id}, for fine-tuned ones."""
    return turn.json({"id": turn.params[0], "object": "model", "deleted": True})


def _model(turn: Turn, name: str) -> Json:
    if turn.dialect == "anthropic":
        return {
            "type": "model",
            "id": name,
            "display_name": name.replace("-", " ").title(),
            "created_at": STAMP,
            "lifecycle": "active",
            "max_input_tokens": 200_000,
            "max_tokens": 64_000,
        }
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "fake"}
