"""The random numbers of an application stay its own."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import tokeneff
from tokeneff._chance import chance

_ROOT = Path(tokeneff.__file__).parent
_LEFT_OUT = ("testing", "_chance.py")
"""The fake provider, which seeds generators of its own; and where ours is made."""


def test_nobody_here_draws_on_the_applications_numbers() -> None:
    found: list[str] = []
    for path in sorted(_ROOT.rglob("*.py")):
        if path.relative_to(_ROOT).parts[0] in _LEFT_OUT:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if "random" in named or (isinstance(node, ast.ImportFrom) and node.module == "random"):
                found.append(str(path.relative_to(_ROOT)))
    assert found == []


def test_ours_leave_them_alone() -> None:
    before = random.getstate()
    chance.uniform(0, 1)
    assert random.getstate() == before
