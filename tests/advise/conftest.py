from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tokeneff.cli import main
from tokeneff.tokens import _counter

Run = Callable[..., tuple[int, str, str]]
FOLDER = os.environ.get("TOKENEFF_TRACES", "")


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test's provider says it counted is nothing to the next."""
    monkeypatch.setattr(_counter, "_own", None)
    for name in os.environ:
        if name.startswith("TOKENEFF_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process: exit code, stdout, stderr."""

    def run(*argv: str) -> tuple[int, str, str]:
        code = main(["advise", *argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def traces() -> Path:
    """The folder of recorded conversations."""
    folder = Path(FOLDER) if FOLDER else Path(__file__).resolve().parents[3] / "shared" / "data" / "traces"
    if not folder.is_dir():
        pytest.skip("no recorded conversations: set TOKENEFF_TRACES to a folder of trace files")
    return folder
