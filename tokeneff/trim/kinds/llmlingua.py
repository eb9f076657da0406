"""Prose made shorter by LLMLingua-2, a small model, where that is installed."""

from __future__ import annotations

import threading
from functools import cache
from importlib import import_module
from typing import Any

from tokeneff.errors import StoreError
from tokeneff.trim.kinds._kind import Context, Edit, Kind, kept

MODEL = "microsoft/llmlingua-2-bert-base-multilingual-cased-meetingbank"
RATE = 0.5
"""The share of tokens that stays."""
_LEAST = 2000
_lock = threading.Lock()


def _edit(text: str, context: Context) -> Edit | None:
    if context.verbatim or len(text) < _LEAST or text.lstrip()[:1] in ("{", "[", "<"):
        return None
    with _lock:
        made = _model().compress_prompt(text, rate=RATE, force_tokens=["\n", "?", "."], force_reserve_digit=True)
    short = made["compressed_prompt"]
    return Edit(short) if isinstance(short, str) and len(short) < len(text) else None


@cache
def _model() -> Any:
    try:
        made = import_module("llmlingua").PromptCompressor
    except ImportError:
        raise StoreError("the compaction llmlingua needs LLMLingua: pip install 'tokeneff[llmlingua]'") from None
    return made(model_name=MODEL, use_llmlingua2=True)


KIND = Kind(
    "llmlingua",
    lossless=False,
    why="A model drops the words that it holds for dispensable; those with digits stay.",
    edit=_edit,
    undo=kept,
)
