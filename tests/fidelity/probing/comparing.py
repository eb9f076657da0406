"""Where two recordings differ."""

from __future__ import annotations

from typing import Any

_MISSING = "nothing"
_SHOWN = 300


def differences(bare: Any, wrapped: Any, where: str = "") -> list[str]:
    """One line for each place where ``wrapped`` is not what ``bare`` is."""
    if type(bare) is not type(wrapped):
        return [_line(where, bare, wrapped)]
    if isinstance(bare, dict):
        lines = [] if list(bare) == list(wrapped) else [_line(f"{where} keys", list(bare), list(wrapped))]
        for key in bare.keys() & wrapped.keys():
            lines += differences(bare[key], wrapped[key], f"{where}.{key}")
        return lines
    if isinstance(bare, list | tuple):
        lines = []
        for index in range(max(len(bare), len(wrapped))):
            one = bare[index] if index < len(bare) else _MISSING
            other = wrapped[index] if index < len(wrapped) else _MISSING
            lines += differences(one, other, f"{where}[{index}]")
        return lines
    same = bare == wrapped or (bare != bare and wrapped != wrapped)
    return [] if same else [_line(where, bare, wrapped)]


def _line(where: str, bare: Any, wrapped: Any) -> str:
    return f"{where or 'recording'}: bare {repr(bare)[:_SHOWN]}, wrapped {repr(wrapped)[:_SHOWN]}"
