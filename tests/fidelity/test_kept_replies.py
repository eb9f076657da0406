"""Every probe with replies that are kept, then served, then served in another process: nothing of it can be seen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import probing.probes  # noqa: F401 - fills the table
import pytest
from probing.comparing import differences
from probing.elsewhere import Elsewhere
from probing.keeping import Shelf, without_transport
from probing.kinds import KINDS, Kind
from probing.lab import PROBES, Probe
from probing.running import Recording, record
from probing.wrappings import BARE

from tokeneff.cache.stores import CacheStore, open_cache_store

# What a probe leaves for the collector, bare as well, is found at any moment: also when nothing is recorded.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
EVERY_KIND = bool(os.environ.get("TOKENEFF_SOAK"))
"""Else, of the clients for clouds and their like, those that a probe is there for, and of the SDK's own two in turn the
blocking one and the awaiting one: what is kept is the same for both, and the other one has the next probe."""
CASES = [
    pytest.param(number, probe, kind, id=f"{probe.name}-{kind.id}")
    for number, (probe, kind) in enumerate(
        (probe, kind)
        for place, probe in enumerate(PROBES)
        for kind in KINDS
        if probe.fits(kind)
        and (probe.kinds or EVERY_KIND or (kind.plain and (place + kind.awaiting + (kind.family == "openai")) % 2))
    )
]

APART = {
    "beta_namespaces": "replies name the provider's address, which is another one in each run",
    "eight_threads": "at the same time, what cannot be told apart",
    "gathered": "at the same time, what cannot be told apart",
    "logged": "what the SDK logs of a request that it sends",
    "messages_batches": "replies name the provider's address, which is another one in each run",
    "taken_once": "a request that can be read only once has no key",
}
"""Probes in which nothing is served, and why."""
AROUND = {"anthropic-middleware": ("x-stainless-raw-response",), "anthropic-traced": ("traceparent",)}
"""What these kinds of clients do around sending, which does not take place."""
SEEN = ("log", "warnings", "loop")
"""What of a recording is the caller's to see."""


ELSEWHERE = {number for number in range(len(CASES)) if EVERY_KIND or number % 6 == 0}
"""Cases that are served in another process as well."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheStore]:
    made = open_cache_store(f"sqlite:///{tmp_path_factory.mktemp('kept') / 'cache.db'}")
    yield made
    made.close()


@pytest.fixture(scope="module")
def elsewhere(store: CacheStore) -> Iterator[Elsewhere]:
    made = Elsewhere(store.url)
    yield made
    made.close()


@pytest.mark.parametrize(("number", "probe", "kind"), CASES)
def test_served_is_as_bare(
    number: int,
    probe: Probe,
    kind: Kind,
    store: CacheStore,
    elsewhere: Elsewhere,
    compared: Callable[[str, int], None],
) -> None:
    bare, _ = record(probe, kind, BARE)
    shelf = Shelf(store, str(number))
    cold, _ = record(probe, kind, shelf.wrapping("cold"))
    told = [f"cold{line}" for line in differences(bare, cold)]
    assert shelf.served == 0
    cases = 2
    if probe.name not in APART and kind.wire:
        warm, _ = record(probe, kind, shelf.wrapping("warm"))
        told += [f"warm{line}" for line in differences(seen(bare, kind), seen(warm, kind))]
        assert shelf.served == len(shelf.asked), "what was kept is served"
        if number in ELSEWHERE:
            warm, served = elsewhere.record(probe, kind, str(number), shelf.asked)
            told += [f"elsewhere{line}" for line in differences(seen(bare, kind), seen(warm, kind))]
            assert served == len(shelf.asked), "what was kept is served there as well"
            cases += 1
    compared(kind.family, cases)
    assert not told, "\n".join(told[:60])


def seen(recording: Recording, kind: Kind) -> Any:
    return without_transport({key: recording[key] for key in SEEN}, AROUND.get(kind.name, ()))
