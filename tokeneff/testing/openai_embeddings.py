"""Embeddings and moderations."""

from __future__ import annotations

import base64
import math
import random
import struct
from typing import Any, cast

from tokeneff.testing.answers import Answer, Json
from tokeneff.testing.turn import Turn, oddly

_DIMENSIONS = 16  # far fewer than real ones: enough to tell inputs apart


def embeddings(turn: Turn) -> Answer:
    """POST /embeddings."""
    given = turn.payload.get("input", "")
    inputs = _inputs(given)
    size = int(turn.payload.get("dimensions") or _DIMENSIONS)
    packed = turn.payload.get("encoding_format") == "base64"
    data: list[Json] = []
    for index, text in enumerate(inputs):
        vector = list(turn.reply.embedding) if turn.reply.embedding is not None else _vector(text, size)
        value: Any = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if packed else vector
        data.append({"object": "embedding", "index": index, "embedding": value})
    body: Json = {"object": "list", "data": data, "model": turn.model}
    if turn.usage is not None:
        count = turn.usage.input_tokens
        body["usage"] = oddly({"prompt_tokens": count, "total_tokens": count}, turn.usage_style)
    return turn.json(body)


def _inputs(given: Any) -> list[str]:
    if not isinstance(given, list):
        return [str(given)]
    items = cast("list[Any]", given)
    if items and all(isinstance(item, int) for item in items):  # one input as token numbers
        return [repr(items)]
    return [item if isinstance(item, str) else repr(item) for item in items]


def _vector(text: str, size: int) -> list[float]:
    dice = random.Random(text)
    raw = [dice.uniform(-1, 1) for _ in range(size)]
    length = math.sqrt(sum(x * x for x in raw)) or 1.0
    return [round(x / length, 8) for x in raw]


_CATEGORIES = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent"),
    *("self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors"),
    *("violence", "violence/graphic"),
)


def moderations(turn: Turn) -> Answer:
    """POST /moderations; flagged where the reply is a refusal."""
    flagged = turn.reply.refusal is not None
    result: Json = {
        "flagged": flagged,
        "categories": {name: flagged and name == "violence" for name in _CATEGORIES},
        "category_scores": {name: 0.9 if flagged and name == "violence" else 0.001 for name in _CATEGORIES},
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
    count = len(_inputs(turn.payload.get("input", "")))
    return turn.json({"id": turn.id("modr-"), "model": turn.model, "results": [result] * count})
