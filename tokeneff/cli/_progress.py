"""How far a file has been worked through, shown on a terminal and nowhere else."""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from tokeneff.cli._output import Output

if TYPE_CHECKING:
    from rich.progress import TaskID


class Progress:
    """A bar by the bytes that were read, with the calls made so far."""

    def __init__(self, out: Output, stream: BinaryIO, name: str) -> None:
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        columns = [
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[calls]:,} calls"),
            TimeElapsedColumn(),
        ]
        self._bar = Bar(*columns, console=out.notes, transient=True, disable=not out.notes.is_terminal)
        self._stream = stream
        self._calls = 0
        self._task: TaskID = self._bar.add_task(os.path.basename(name), total=_size(stream), calls=0)

    def advance(self) -> None:
        """One more call is done."""
        self._calls += 1
        if not self._bar.disable:
            fields: dict[str, Any] = {"calls": self._calls}
            self._bar.update(self._task, completed=self._stream.tell() if self._stream.seekable() else None, **fields)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def _size(stream: BinaryIO) -> int | None:
    try:
        return os.fstat(stream.fileno()).st_size or None if stream.seekable() else None
    except OSError:
        return None


class Counting:
    """A bar by the requests that are done."""

    def __init__(self, out: Output, name: str) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        columns = [
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("requests"),
            TimeElapsedColumn(),
        ]
        self._bar = Bar(*columns, console=out.notes, transient=True, disable=not out.notes.is_terminal)
        self._task: TaskID = self._bar.add_task(os.path.basename(name) or name, total=None)

    def __call__(self, done: int, total: int) -> None:
        """So many are done, of so many."""
        self._bar.update(self._task, completed=done, total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
