"""Anthropic's token counting, message batches, and legacy text completions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tokeneff.testing.answers import Answer, Frame, Json, dumps, event_frame
from tokeneff.testing.anthropic_messages import message
from tokeneff.testing.listing import missing, page
from tokeneff.testing.turn import STAMP, Turn, counted
from tokeneff.testing.words import anthropic_finish


def count_tokens(turn: Turn) -> Answer:
    """POST /v1/messages/count_tokens."""
    usage = turn.reply.usage or counted(turn.payload, turn.reply)
    return turn.json({"input_tokens": usage.input_tokens})


def create_batch(turn: Turn) -> Answer:
    """POST /v1/messages/batches: in progress now, ended when next asked for."""
    requests: list[Json] = turn.payload.get("requests") or []
    key = turn.id("msgbatch_")
    results = [_result(turn, request, index) for index, request in enumerate(requests)]
    turn.store.put("results", key, b"\n".join(results))
    none: Json = {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    begun: Json = {
        "id": key,
        "type": "message_batch",
        "processing_status": "in_progress",
        "request_counts": {**none, "processing": len(requests)},
        "created_at": STAMP,
        "expires_at": "2026-01-02T00:00:00Z",
        "ended_at": None,
        "archived_at": None,
        "cancel_initiated_at": None,
        "results_url": None,
    }
    host = turn.request.header("host") or "127.0.0.1"
    ended: Json = {
        **begun,
        "processing_status": "ended",
        "request_counts": {**none, "succeeded": len(requests)},
        "ended_at": STAMP,
        "results_url": f"http://{host}{turn.request.path.rstrip('/')}/{key}/results",
    }
    turn.store.put("message_batch", key, ended)
    return turn.json(begun)


def _result(turn: Turn, request: Json, index: int) -> bytes:
    reply = replace(turn.reply, id=f"msg_{turn.number:06d}_{index}")
    one = message(replace(turn, payload=request.get("params") or {}, reply=reply))
    return dumps({"custom_id": request.get("custom_id"), "result": {"type": "succeeded", "message": one}})


def list_batches(turn: Turn) -> Answer:
    """GET /v1/messages/batches."""
    return page(turn, turn.store.all("message_batch"))


def retrieve_batch(turn: Turn) -> Answer:
    """GET /v1/messages/batches/{id}."""
    batch = turn.store.get("message_batch", turn.params[0])
    return turn.json(batch) if batch else missing(turn, f"batch: {turn.params[0]}")


def batch_results(turn: Turn) -> Answer:
    """GET /v1/messages/batches/{id}/results, a line of JSON for each request."""
    results = turn.store.get("results", turn.params[0])
    if results is None:
        return missing(turn, f"batch: {turn.params[0]}")
    return Answer(200, (("content-type", "application/x-jsonl"), *turn.headers()), results)


def cancel_batch(turn: Turn) -> Answer:
    """POST /v1/messages/batches/{id}/cancel."""
    batch = turn.store.get("message_batch", turn.params[0])
    if batch is None:
        return missing(turn, f"batch: {turn.params[0]}")
    return turn.json({**batch, "processing_status": "canceling", "cancel_initiated_at": STAMP})


def delete_batch(turn: Turn) -> Answer:
    """DELETE /v1/messages/batches/{id}."""
    if turn.store.pop("message_batch", turn.params[0]) is None:
        return missing(turn, f"batch: {turn.params[0]}")
    return turn.json({"id": turn.params[0], "type": "message_batch_deleted"})


def complete(turn: Turn) -> Answer:
    """POST /v1/complete: legacy text completions, which carry no usage."""
    if turn.stream:
        return turn.sse(_complete_frames(turn))
    return turn.json(_completion(turn, turn.reply.text, _legacy_finish(turn)))


def _completion(turn: Turn, text: str, stop_reason: str | None) -> Json:
    return {
        "type": "completion",
        "id": turn.id("compl_"),
        "completion": text,
        "stop_reason": stop_reason,
        "stop": None,
        "model": turn.model,
    }


def _legacy_finish(turn: Turn) -> str:
    return "max_tokens" if anthropic_finish(turn.reply) == "max_tokens" else "stop_sequence"


def _complete_frames(turn: Turn) -> Iterator[Frame]:
    for part in turn.reply.choice_pieces(0):
        yield event_frame(_completion(turn, part, None), content=True)
    yield event_frame(_completion(turn, "", _legacy_finish(turn)))
