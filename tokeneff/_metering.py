"""Those who watch a stream as it comes, and may cut it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tokeneff._exchange import Exchange
    from tokeneff._flow import Failure


class Metering(Protocol):
    """Watches one stream. What it raises is one of :data:`tokeneff.errors.CUTS`."""

    @property
    def failure(self) -> Failure | None:
        """Why the stream was cut, if it was."""
        ...

    @property
    def waiting(self) -> bool:
        """Whether nothing more is to be read before :meth:`wait` has returned."""
        ...

    def heard(self, reader: Any, chunks: int = 1) -> None:
        """A chunk came, and was read. Raises where no more is to come."""
        ...

    def wait(self) -> None:
        """Blocking: until more may be read."""
        ...

    def resume(self, reader: Any) -> None:
        """The wait is over. Raises where no more is to come."""
        ...


def also(exchange: Exchange, metering: Metering) -> None:
    """Have the stream of an exchange watched by one more."""
    exchange.meter = metering if exchange.meter is None else _Both(exchange.meter, metering)


class _Both:
    __slots__ = ("_first", "_second")

    def __init__(self, first: Metering, second: Metering) -> None:
        self._first, self._second = first, second

    @property
    def failure(self) -> Failure | None:
        return self._first.failure or self._second.failure

    @property
    def waiting(self) -> bool:
        return self._first.waiting or self._second.waiting

    def heard(self, reader: Any, chunks: int = 1) -> None:
        self._first.heard(reader, chunks)
        self._second.heard(reader, chunks)

    def wait(self) -> None:
        self._first.wait()
        self._second.wait()

    def resume(self, reader: Any) -> None:
        self._first.resume(reader)
        self._second.resume(reader)
