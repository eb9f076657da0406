"""Sums behind observed counters."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Any

from opentelemetry.metrics import Observation

_MOST_SERIES = 2000
"""As many attribute sets as the SDK keeps for an instrument by default; what comes after is one series, "overflow"."""
_OVERFLOW: dict[str, Any] = {"otel.metric.overflow": True}


class Sums:
    """Sums of the observed counters, by dimensions, then by counter and modality (of cost: by its confidence)."""

    __slots__ = ("_lock", "_sums")

    def __init__(self) -> None:
        self._sums: dict[tuple[Any, ...], tuple[dict[str, Any], dict[tuple[str, str], int]]] = {}
        self._lock = Lock()

    def add(self, dimensions: dict[str, Any], counts: list[tuple[str, str, int]]) -> None:
        """Add ``(counter, modality, tokens)``."""
        key = tuple(dimensions.values())
        with self._lock:
            known = self._sums.get(key)
            if known is None:
                if len(self._sums) >= _MOST_SERIES:
                    key, dimensions = ("overflow",), _OVERFLOW
                known = self._sums.setdefault(key, (dimensions, {}))
            sums = known[1]
            for field, modality, value in counts:
                kind = (field, modality)
                sums[kind] = sums.get(kind, 0) + value

    def observe(self, field: str, by: str | None, unit: float | None = None) -> Iterable[Observation]:
        """The sums of one counter, by ``by`` if by anything; in units of so many of what was summed."""
        with self._lock:
            return [
                Observation(
                    value if unit is None else value / unit, dimensions if by is None else {**dimensions, by: kind}
                )
                for dimensions, sums in self._sums.values()
                for (counter, kind), value in sums.items()
                if counter == field
            ]
