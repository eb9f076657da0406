"""Every probe on a bare client and on a wrapped one, on every kind of client and in every way of wrapping."""

from __future__ import annotations

from collections.abc import Callable

import probing.probes  # noqa: F401 - fills the table
import pytest
from probing.comparing import differences
from probing.kinds import KINDS, Kind
from probing.lab import PROBES, Probe
from probing.running import Recording, record
from probing.wrappings import BARE, SOME, WRAPPINGS

CASES = [
    pytest.param(probe, kind, id=f"{probe.name}-{kind.id}") for probe in PROBES for kind in KINDS if probe.fits(kind)
]


@pytest.mark.parametrize(("probe", "kind"), CASES)
def test_wrapped_is_as_bare(probe: Probe, kind: Kind, compared: Callable[[str, int], None]) -> None:
    bare, lab = record(probe, kind, BARE)
    assert bare["log"], "the probe observed nothing"
    if kind.plain and not probe.fails:
        assert not lab.failures, f"the probe fails on a bare client: {bare['log']}"
    told: list[str] = []
    wrappings = WRAPPINGS if kind.plain else SOME
    for wrapping in wrappings:
        wrapped, lab = record(probe, kind, wrapping)
        told += [f"{wrapping.name}{line}" for line in differences(bare, wrapped)]
        counted = probe.counted and not lab.failures and (kind.wire or not probe.leaves)
        if counted and lab.seen not in (None, first_attempts(wrapped)):
            told.append(f"{wrapping.name}: {lab.seen} calls seen of {first_attempts(wrapped)}")
    compared(kind.family, len(wrappings))
    assert not told, "\n".join(told[:60])


def first_attempts(recording: Recording) -> int:
    """How many requests on the wire were no retries."""
    return sum(
        all(value == "0" for name, value in request["headers"] if name.lower() == "x-stainless-retry-count")
        for request in recording["wire"]
    )
