"""Every probe with replies that are kept, and then with replies that are served: nothing of it can be seen."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import probing.probes  # noqa: F401 - fills the table
import pytest
from probing.comparing import differences
from probing.keeping import Shelf, without_transport
from probing.kinds import KINDS, Kind
from probing.lab import PROBES, Probe
from probing.running import Recording, record
from probing.wrappings import BARE

EVERY_KIND = bool(os.environ.get("TOKENEFF_SOAK"))
"""Else, of the clients for clouds and their like, those that a probe is there for."""
CASES = [
    pytest.param(probe, kind, id=f"{probe.name}-{kind.id}")
    for probe in PROBES
    for kind in KINDS
    if probe.fits(kind) and (kind.plain or probe.kinds or EVERY_KIND)
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


@pytest.mark.parametrize(("probe", "kind"), CASES)
def test_served_is_as_bare(probe: Probe, kind: Kind, compared: Callable[[str, int], None]) -> None:
    bare, _ = record(probe, kind, BARE)
    shelf = Shelf()
    cold, _ = record(probe, kind, shelf.wrapping("cold"))
    told = [f"cold{line}" for line in differences(bare, cold)]
    assert shelf.served == 0
    if probe.name not in APART and kind.wire:
        warm, _ = record(probe, kind, shelf.wrapping("warm"))
        told += [f"warm{line}" for line in differences(seen(bare, kind), seen(warm, kind))]
        assert shelf.served == len(shelf.kept), "what was kept is served"
    compared(kind.family, 2)
    assert not told, "\n".join(told[:60])


def seen(recording: Recording, kind: Kind) -> Any:
    return without_transport({key: recording[key] for key in SEEN}, AROUND.get(kind.name, ()))
