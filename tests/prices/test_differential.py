"""Beside LiteLLM's table: the makers' own current prices agree; what differs elsewhere is known by cause."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("differential", Path(__file__).with_name("differential.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_disagreement_at_the_makers_whose_models_are_asked_most() -> None:
    differential = load()
    entries = differential.table()
    if entries is None:
        pytest.skip(f"litellm {differential.PINNED} is not installed (make env)")
    found, compared, _ = differential.compare(entries)
    makers = {"openai": 100, "anthropic": 15, "gemini": 25, "moonshot": 8, "zai": 10, "cerebras": 5}
    assert {maker: compared[maker] >= least for maker, least in makers.items()} == dict.fromkeys(makers, True)
    assert [str(one) for one in found if one.provider in makers] == []
    # DeepSeek's list price there is that of the peak hours, which are half as long and do not reach into a weekend.
    assert all(one.ours * 2 == one.theirs for one in found if one.provider == "deepseek" and "v4" in one.model)
