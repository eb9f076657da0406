"""Vocabularies: loaded in the background, from what is on this machine or by tiktoken's download, never in the way."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from importlib import import_module
from threading import Event, Lock, Thread
from typing import Any, TypeAlias

from tokeneff._log import log_once

Count: TypeAlias = Callable[[str], int]

_PATIENCE = 60.0
"""Seconds after which a load that has not ended (tiktoken's download has no limit of its own) is given up."""
_RETRIES = (300.0, 3600.0)
"""Seconds to wait after the first and the second failed load; after the third, none is tried any more."""


class _Slot:
    """One encoding: not asked for yet, being loaded, loaded or failed."""

    __slots__ = ("count", "done", "failures", "since")

    def __init__(self) -> None:
        self.count: Count | None = None
        self.done = Event()
        self.since = 0.0
        self.failures = 0


class Vocabularies:
    """The encodings of this process.

    >>> Vocabularies().ready("o200k_base")  # the first asks for it, and gets none  # doctest: +SKIP

    Args:
        load: returns what counts a text by the named encoding, or raises; runs in a daemon thread.
    """

    def __init__(self, load: Callable[[str], Count] | None = None) -> None:
        self._load = load or load_encoding
        self._slots: dict[str, _Slot] = {}
        self._lock = Lock()
        self.loads = 0
        """How often a load was begun."""

    def ready(self, name: str, wait: float = 0.0) -> Count | None:
        """What counts by this encoding, if it is loaded; begins loading it if that is due.

        Args:
            wait: seconds since its beginning for which a load under way is waited for; with 0 this never blocks.
        """
        slot = self._slots.get(name)
        if slot is not None and slot.count is not None:
            return slot.count
        slot = self._begin(name)
        if wait > 0 and slot.count is None:
            slot.done.wait(max(0.0, slot.since + wait - time.monotonic()))
        return slot.count

    def pending(self, name: str) -> bool:
        """Whether this encoding may still come."""
        slot = self._slots.get(name)
        return slot is None or (slot.count is None and slot.failures <= len(_RETRIES))

    def _begin(self, name: str) -> _Slot:
        now = time.monotonic()
        slot = self._slots.get(name)
        if slot is not None and not _due(slot, now):
            return slot
        with self._lock:
            slot = self._slots.setdefault(name, _Slot())
            if not _due(slot, now):
                return slot
            if slot.since and not slot.done.is_set():
                slot.failures += 1  # the last load never ended
            slot.since = now
            slot.done = Event()
            self.loads += 1
        try:
            Thread(target=self._run, args=(name, slot, slot.done), name="tokeneff-vocabulary", daemon=True).start()
        except RuntimeError:  # no more threads, or the interpreter is going down
            slot.failures = len(_RETRIES) + 1
            slot.done.set()
        return slot

    def _run(self, name: str, slot: _Slot, done: Event) -> None:
        try:
            slot.count = self._load(name)
        except BaseException as error:  # noqa: BLE001 - a thread of ours, and a panic of tiktoken's is no Exception
            slot.failures += 1
            log_once(
                ("tokens.vocabulary", name),
                "the vocabulary %s could not be loaded (%s): %s",
                name,
                type(error).__name__,
                "`pip install tokeneff[tokenizers]` reads it"
                if name.startswith(FILE)
                else "tokens are estimated. "
                "`pip install tokeneff[offline]` brings it along, TIKTOKEN_CACHE_DIR names a folder that has it",
                level=logging.INFO,
            )
        finally:
            done.set()

    def forget(self) -> None:
        """Loads under way have no thread in a forked child: they may begin anew."""
        self._lock = Lock()
        self._slots = {name: slot for name, slot in self._slots.items() if slot.count is not None}


def _due(slot: _Slot, now: float) -> bool:
    if slot.count is not None:
        return False
    if not slot.since:
        return True
    if slot.failures > len(_RETRIES):
        return False
    waited = now - slot.since
    if not slot.done.is_set():
        return slot.failures < len(_RETRIES) and waited > _PATIENCE * (1 + slot.failures)
    return waited > _RETRIES[slot.failures - 1]


FILE = "file:"
"""What names of encodings begin with that are paths of tokenizer files."""


def load_encoding(name: str) -> Count:
    """What counts by a tiktoken encoding: from its cached file, from the ``offline`` extra, else by its download.

    A name that begins with ``file:`` is that of a tokenizer file.
    """
    if name.startswith(FILE):
        from tokeneff.tokens._files import load_file

        return load_file(name[len(FILE) :])
    from tokeneff.tokens._offline import cached, packaged

    encoding: Any = None
    if not cached(name):
        encoding = packaged(name)
        if encoding is None and os.environ.get("TOKENEFF_OFFLINE", "") not in ("", "0"):
            raise FileNotFoundError(f"no vocabulary {name} on this machine, and TOKENEFF_OFFLINE is set")
    if encoding is None:
        encoding = import_module("tiktoken").get_encoding(name)
    ordinary = encoding.encode_ordinary
    return lambda text: len(ordinary(text))


vocabularies = Vocabularies()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=vocabularies.forget)
