"""The simulator against providers' own counts, and the placement against recorded conversations, where those are."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_TRACES = Path(os.environ.get("TOKENEFF_TRACES") or _ROOT.parent / "shared" / "data" / "traces")


@pytest.fixture(scope="module")
def bench() -> Any:
    if not _TRACES.is_dir():
        pytest.skip(f"no recorded conversations at {_TRACES}: set TOKENEFF_TRACES")
    spec = importlib.util.spec_from_file_location("promptcache_benchmark", _ROOT / "benchmarks" / "promptcache.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("learns", "most"), [(True, 0.02), (False, 0.02)])
def test_cached_tokens_of_claude_code_are_foretold_within_two_percent(bench: Any, learns: bool, most: float) -> None:
    errors = bench.errors(list(bench.requests_of(_TRACES / bench.CLAUDE)), "anthropic", learns=learns)
    assert errors.calls > 100
    assert abs(errors.expected / errors.said - 1) <= most
    assert errors.apart / errors.said <= most


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-opus-4-6"])
def test_no_recorded_conversation_is_dearer_than_with_its_clients_own_settings(bench: Any, model: str) -> None:
    from tokeneff.prices import Prices

    for name in bench.HELD:
        requests = list(bench.requests_of(_TRACES / name))
        for stripped in (False, True):
            sums = bench.dollars(requests, model, "anthropic", Prices(), stripped=stripped)
            assert [one for one in sums.values() if one.ours > one.own * (1 + bench.WORSE)] == []


def test_hardly_a_short_conversation_is_dearer_and_most_is_saved_all_the_same(bench: Any) -> None:
    from tokeneff.prices import Prices

    found: list[Any] = []
    for name in set(bench.FILES) - set(bench.HELD):  # many grow over the 4,096 tokens with their last request
        requests = list(bench.requests_of(_TRACES / name))
        found += bench.dollars(requests, "claude-opus-4-6", "anthropic", Prices(), stripped=False).values()
    dearer = [one for one in found if one.ours > one.plain * (1 + bench.WORSE)]
    assert len(dearer) <= 0.03 * len(found)
    assert sum(one.ours for one in found) < 0.75 * sum(one.plain for one in found)
