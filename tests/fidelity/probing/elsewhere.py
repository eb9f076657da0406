"""Another process, with nothing of this one but the store: it runs probes with what was kept here."""

from __future__ import annotations

import multiprocessing
import traceback
from multiprocessing.connection import Connection
from typing import Any

import pytest

import probing.probes  # noqa: F401 - fills the table
from probing.keeping import Shelf
from probing.kinds import KINDS, Kind
from probing.lab import PROBES, Probe
from probing.quickly import quickly
from probing.running import Recording, record
from tokeneff.cache.stores import open_cache_store
from tokeneff.testing.recorded import RecordedRequest

_PATIENCE = 300.0
"""Seconds for a probe: on a busy machine the process needs some to begin."""


class Elsewhere:
    """One process that runs one probe after another.

    Args:
        url: of the store.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._process: Any = None
        self._line: Any = None

    def record(
        self, probe: Probe, kind: Kind, case: str, asked: dict[bytes, list[RecordedRequest]]
    ) -> tuple[Recording, int]:
        """What can be observed there, and how many replies were served."""
        if self._process is None:
            self._start()
        self._line.send((PROBES.index(probe), KINDS.index(kind), case, asked))
        if not self._line.poll(_PATIENCE):
            self.close()  # or its answer would be taken for the next one's
            raise TimeoutError("the other process does not answer")
        recording, served, fault = self._line.recv()
        assert not fault, fault
        return recording, served

    def close(self) -> None:
        if self._process is not None:
            self._line.close()
            self._process.kill()  # it has nothing to finish
            self._process.join()
            self._process.close()
            self._process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self.url), daemon=True)
        self._process.start()
        theirs.close()


def _serve(line: Connection, url: str) -> None:
    quickly(pytest.MonkeyPatch())
    store = open_cache_store(url)
    while True:
        try:
            probe, kind, case, asked = line.recv()
        except EOFError:
            return
        shelf = Shelf(store, case, asked)
        try:
            recording, _ = record(PROBES[probe], KINDS[kind], shelf.wrapping("elsewhere"))
            line.send((recording, shelf.served, ""))
        except Exception:  # noqa: BLE001 - it is raised where the test is
            line.send((None, 0, traceback.format_exc()))
