"""Watching a stream for what it says over and over."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from tokeneff._done import Repeated
from tokeneff._flow import Failure
from tokeneff._log import log_once
from tokeneff.errors import RunawayRepetition
from tokeneff.trim.output._repetition import Repetition, Runaway

Where: TypeAlias = Literal["text", "reasoning", "tool call"]


class Watch:
    """Watches the text, the reasoning and each tool call of one stream, and cuts it where one of them runs away.

    Args:
        characters: of repetition that are needed.
    """

    __slots__ = ("_characters", "_found", "_heard", "_off", "_texts", "failure", "repeated")

    def __init__(self, characters: int) -> None:
        self._characters = characters
        self._texts: dict[tuple[Where, object], Repetition] = {}
        self._heard: dict[tuple[Where, object], int] = {}
        self._found: tuple[Runaway, Where] = (Runaway("", 0), "text")
        self._off = False
        self.failure: Failure | None = None
        """Why the stream was cut, if it was."""
        self.repeated: Repeated | None = None
        """What it had said over and over."""

    @property
    def waiting(self) -> bool:
        """Never: there is nobody to ask."""
        return False

    def wait(self) -> None:
        """Nothing."""

    def resume(self, reader: Any) -> None:
        """Nothing."""

    def heard(self, reader: Any, chunks: int = 1) -> None:
        """A chunk came, and was read. Raises RunawayRepetition where the stream only repeats itself."""
        if self._off:
            return
        try:
            if self.failure is None:
                self._listen(reader)
        except Exception as fault:  # noqa: BLE001 - what we cannot watch goes on
            log_once(("repetition", type(fault)), "a stream could not be watched for repetition", exc_info=fault)
            self._off = True
        if self.failure is not None:
            raise self._error(reader)

    def _listen(self, reader: Any) -> None:
        if reader.terminal:
            self._off = True  # it is at its end by itself
            return
        self._new("text", None, reader.pieces, 0)
        self._new("reasoning", None, reader.thoughts, 0)
        for key, call in reader.calls.items():
            self._new("tool call", key, call, 1)

    def _new(self, where: Where, position: object, pieces: list[str], first: int) -> None:
        key = where, position
        known = self._heard.get(key, first)
        if len(pieces) <= known:
            return
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = Repetition(self._characters)
        self._heard[key] = len(pieces)
        for piece in pieces[known:]:
            found = text.add(piece)
            if found is not None:
                self._cut(where, found)
                return

    def _cut(self, where: Where, found: Runaway) -> None:
        self._found = found, where
        kind = RunawayRepetition
        self.failure = Failure(f"{kind.__module__}.{kind.__qualname__}", str(self._error()))
        self.repeated = Repeated(where, len(found.unit), found.times)

    def _error(self, reader: Any = None) -> RunawayRepetition:
        """A new one each time: one that was raised holds on to the stream that it was raised for."""
        found, where = self._found
        return RunawayRepetition(found.unit, found.times, where, None if reader is None else reader.written())
