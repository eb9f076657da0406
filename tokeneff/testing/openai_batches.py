"""OpenAI's batches: each line of the input file answered with the reply of the request that created the batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from tokeneff.testing import openai_chat, openai_embeddings, openai_legacy, openai_responses
from tokeneff.testing.answers import Answer, Json, dumps
from tokeneff.testing.files import keep
from tokeneff.testing.listing import missing, page
from tokeneff.testing.multipart import Upload
from tokeneff.testing.turn import CREATED, Turn

_RENDERERS: dict[str, Callable[[Turn], Answer]] = {
    "/chat/completions": openai_chat.chat,
    "/completions": openai_legacy.complete,
    "/responses": openai_responses.create,
    "/embeddings": openai_embeddings.embeddings,
}


def create(turn: Turn) -> Answer:
    """POST /batches: validating now, completed when next asked for."""
    lines = _input_lines(turn)
    answered = [_answered(turn, line, index) for index, line in enumerate(lines)]
    output = keep(turn, Upload("output.jsonl", "application/jsonl", b"\n".join(answered)), "batch_output", "-out")
    key = turn.id("batch_")
    begun: Json = {
        "id": key,
        "object": "batch",
        "endpoint": turn.payload.get("endpoint", "/v1/chat/completions"),
        "errors": None,
        "input_file_id": turn.payload.get("input_file_id", ""),
        "completion_window": turn.payload.get("completion_window", "24h"),
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": CREATED,
        "expires_at": CREATED + 86_400,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "metadata": turn.payload.get("metadata"),
    }
    count = len(lines)
    done: Json = {
        **begun,
        "status": "completed",
        "output_file_id": output["id"],
        "completed_at": CREATED,
        "request_counts": {"total": count, "completed": count, "failed": 0},
    }
    turn.store.put("batch", key, done)
    return turn.json(begun)


def _input_lines(turn: Turn) -> list[Json]:
    stored = turn.store.get("file", str(turn.payload.get("input_file_id")))
    if stored is None:
        return []
    try:
        values: list[Any] = [json.loads(line) for line in stored.data.splitlines() if line.strip()]
    except ValueError:
        return []
    return [cast("Json", value) for value in values if isinstance(value, dict)]


def _answered(turn: Turn, line: Json, index: int) -> bytes:
    key = f"{turn.number:06d}_{index}"
    url = str(line.get("url", ""))
    render = next((one for end, one in _RENDERERS.items() if url.endswith(end)), openai_chat.chat)
    body: Json = {**(line.get("body") or {}), "stream": False}
    answer = render(replace(turn, payload=body, reply=replace(turn.reply, id=f"batch_item_{key}")))
    response = {"status_code": answer.status, "request_id": f"req_{key}", "body": json.loads(answer.body)}
    return dumps(
        {"id": f"batch_req_{key}", "custom_id": line.get("custom_id", ""), "response": response, "error": None}
    )


def listed(turn: Turn) -> Answer:
    """GET /batches."""
    return page(turn, turn.store.all("batch"))


def retrieve(turn: Turn) -> Answer:
    """GET /batches/{id}."""
    batch = turn.store.get("batch", turn.params[0])
    return turn.json(batch) if batch else missing(turn, f"batch: {turn.params[0]}")


def cancel(turn: Turn) -> Answer:
    """POST /batches/{id}/cancel."""
    batch = turn.store.get("batch", turn.params[0])
    if batch is None:
        return missing(turn, f"batch: {turn.params[0]}")
    cancelled: Json = {**batch, "status": "cancelled", "output_file_id": None, "cancelled_at": CREATED}
    turn.store.put("batch", turn.params[0], cancelled)
    return turn.json({**cancelled, "status": "cancelling"})
