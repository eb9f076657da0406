"""Before a fork everybody who is at work is waited for, and prepared, also where one of them cannot be."""

from __future__ import annotations

import os
import threading

import pytest

from tokeneff._forking import watch


class Owner:
    def __init__(self, fails: bool = False) -> None:
        self.guard = threading.Lock()
        self.fails = fails
        self.heard: list[str] = []
        watch(self)

    def prepare(self) -> None:
        self.heard.append("prepare")
        assert self.guard.locked()
        if self.fails:
            raise OSError("no locks are left")

    def abandon(self) -> None:
        self.heard.append("abandon")
        self.guard = threading.Lock()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_who_cannot_be_prepared_keeps_nobody_else_from_it() -> None:
    owners = [Owner(fails=True) for _ in range(3)] + [Owner() for _ in range(3)]
    child = os.fork()
    if not child:
        ready = all(owner.heard == ["prepare", "abandon"] and not owner.guard.locked() for owner in owners)
        os._exit(0 if ready else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert [(owner.heard, owner.guard.locked()) for owner in owners] == [(["prepare"], False)] * 6
