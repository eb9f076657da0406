"""A row of histories by chance, for a process of its own."""

from __future__ import annotations

from random import Random

from trim_checks import check, sdk_takes
from trim_histories import Asked, random_history
from trim_market_checks import check_market
from trim_texts import text

from tokeneff.trim._changing import changed
from tokeneff.trim._reading import history_of
from tokeneff.trim._validity import fault_of


def run(seeds: range) -> int:
    """Check a history for each; returns how many were such as a provider takes."""
    valid = 0
    for seed in seeds:
        nasty = seed % 5 == 0
        asked = random_history(seed, nasty)
        try:
            valid += check(asked.dialect, asked.body, asked.chance)
            if seed % 4 == 2:
                check_market(seed, seeds.start)
            if seed % 20 == 1:
                assert not _refused(asked), "the SDK's types took it, and take it no more"
        except Exception as fault:
            raise AssertionError(f"random_history({seed}, nasty={nasty}): {fault}") from fault
    return valid


def _refused(asked: Asked) -> bool:
    """Whether the SDK's types took a request, and no longer do."""
    if fault_of(asked.dialect, asked.body) or not sdk_takes(asked.dialect, asked.body):
        return False
    history = history_of(asked.dialect, asked.body)
    assert history is not None
    r = Random(0)
    texts = {spot.path: text(r).encode("utf-8", "replace").decode() for spot in history.spots if not spot.fixed}
    left_out = [one for one in history.exchanges if one.free]
    return not sdk_takes(asked.dialect, changed(history, texts, left_out))
