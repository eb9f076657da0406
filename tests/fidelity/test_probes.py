"""Every probe on a bare client and on a wrapped one, on every kind of client and in every way of wrapping."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import probing.probes  # noqa: F401 - fills the table
import pytest
from probing.comparing import differences
from probing.kinds import KINDS, Kind
from probing.lab import PROBES, Probe
from probing.running import Recording, record
from probing.wrappings import BARE, EITHER, SOME, WRAPPINGS, Wrapping

EVERY = bool(os.environ.get("TOKENEFF_SOAK"))
"""Else a probe runs on kinds of clients that it is not there for in one flavour each, and of two ways of making a
client that calls then take no notice of, on the blocking one or on the awaiting one."""


def _cases() -> list[Any]:
    flavours = Counter(kind.name for kind in KINDS)
    places = {name: place for place, name in enumerate(flavours)}
    return [
        pytest.param(probe, kind, _wrappings(number, kind), id=f"{probe.name}-{kind.id}")
        for number, probe in enumerate(PROBES)
        for kind in KINDS
        if probe.fits(kind)
        and (
            EVERY
            or kind.plain
            or probe.kinds
            or probe.only
            or flavours[kind.name] == 1
            or kind.awaiting == (number + places[kind.name]) % 2
        )
    ]


def _wrappings(number: int, kind: Kind) -> tuple[Wrapping, ...]:
    if not kind.plain:
        return SOME
    return (*WRAPPINGS, *EITHER) if EVERY else (*WRAPPINGS, EITHER[(number + kind.awaiting) % 2])


@pytest.mark.parametrize(("probe", "kind", "wrappings"), _cases())
def test_wrapped_is_as_bare(
    probe: Probe, kind: Kind, wrappings: tuple[Wrapping, ...], compared: Callable[[str, int], None]
) -> None:
    bare, lab = record(probe, kind, BARE)
    assert bare["log"], "the probe observed nothing"
    if kind.plain and not probe.fails:
        assert not lab.failures, f"the probe fails on a bare client: {bare['log']}"
    told: list[str] = []
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
