"""The examples in docstrings say what is so."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

import tokeneff

ROOT = Path(tokeneff.__file__).parent


def named(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = sorted(
    named(path) for path in ROOT.rglob("*.py") if re.search(r"^\s*>>> ", path.read_text("utf-8"), flags=re.M)
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    found = doctest.testmod(import_module(name))
    assert not found.failed


def test_there_are_some() -> None:
    assert {"tokeneff.prices", "tokeneff.tokens._count", "tokeneff._plain"} <= set(MODULES)
