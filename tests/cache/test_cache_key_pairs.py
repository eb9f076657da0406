"""Requests that differ have different keys, and the same request the same, over very many pairs that nearly agree."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from random import Random

import pytest
from cache_key_kit import call_of, chat, client
from cache_key_pairs import Asked, changed, fresh, same

from tokeneff._flow import Call
from tokeneff.cache._key import key_of

SOAK = bool(os.environ.get("TOKENEFF_SOAK"))
PAIRS = int(os.environ.get("TOKENEFF_SOAK_PAIRS", 10_000_000 if SOAK else 20_000))
_REMEMBERED = 200_000


def _key(call: Call, asked: Asked) -> bytes:
    found = key_of(call._replace(options=asked.options()), scope=asked.scope, policies=asked.policies)
    assert type(found) is bytes, (found, asked)
    return found


def _compared(pairs: int, seed: int) -> tuple[int, int]:
    """Compare so many pairs, and each request with the last 200,000; how many pairs differed, and how many did not.

    Another key for the same request is a needless miss, and the same for another a wrong answer: neither may be.
    """
    draw, call = Random(seed), call_of(client(), chat())
    known: dict[bytes, int] = {}
    counts = [0, 0]
    asked = fresh(draw)
    key, meant = _key(call, asked), same(asked)
    for number in range(pairs):
        other = changed(draw, asked) if number % 40 else fresh(draw)
        other_key, other_meant = _key(call, other), same(other)
        alike = meant == other_meant
        assert (key == other_key) is alike, (asked, other)
        assert known.setdefault(other_key, hash(other_meant)) == hash(other_meant), other
        counts[alike] += 1
        if len(known) > _REMEMBERED:
            known.clear()
        if not number % 40 or draw.random() < 0.5:
            asked, key, meant = other, other_key, other_meant
    return counts[0], counts[1]


def test_requests_that_nearly_agree() -> None:
    began = time.perf_counter()
    if SOAK:
        parts = os.cpu_count() or 1
        with ProcessPoolExecutor(parts, get_context("fork")) as pool:
            found = list(pool.map(_compared, [PAIRS // parts] * parts, range(parts)))
        differing, agreeing = (sum(counts) for counts in zip(*found, strict=True))
    else:
        differing, agreeing = _compared(PAIRS, seed=PAIRS)
        assert differing + agreeing == PAIRS
    assert differing > PAIRS // 2
    assert agreeing > PAIRS // 20
    if SOAK:
        print(f"\n{PAIRS:,} pairs, {differing:,} of them differing, in {time.perf_counter() - began:,.0f} s: no fault")


@pytest.mark.parametrize("seed", range(3))
def test_no_request_is_changed_by_making_its_key(seed: int) -> None:
    draw, call = Random(seed), call_of(client(), chat())
    for _ in range(300):
        asked = changed(draw, fresh(draw))
        before = repr(asked)
        _key(call, asked)
        assert repr(asked) == before
