"""Where the recorded traces are, and no tokenizer that somebody happens to have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_tokenizers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TOKENEFF_TOKENIZERS", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-hub"))


@pytest.fixture(scope="session")
def traces() -> Path:
    named = os.environ.get("TOKENEFF_TRACES")
    folder = Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "data" / "traces"
    if not folder.is_dir():
        pytest.skip(f"no recorded traces in {folder}: set TOKENEFF_TRACES")
    return folder
