"""What holds inside a block: with blocks of both kinds, and around functions of all kinds."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Generic, NamedTuple, ParamSpec, Self, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")


class Frame(NamedTuple, Generic[V]):
    """What holds, and what held outside of it.

    Each holds the one before it, so that leaving needs no token: a token is refused in another context, which is where
    an asynchronous generator is finalised ("was created in a different Context").
    """

    value: V
    outer: Frame[V] | None


class Around(Generic[V]):
    """Something that holds inside a block, across awaits, for tasks started inside and threads of a copied context."""

    __slots__ = ()

    def _place(self) -> ContextVar[Frame[V] | None]:
        """Where it is kept."""
        raise NotImplementedError

    def _inside(self, outer: V | None) -> V:
        """What holds inside, given what holds outside."""
        raise NotImplementedError

    def _anew(self) -> Self:
        """The block around one call of a decorated function."""
        return self

    def __enter__(self) -> Self:
        place = self._place()
        outer = place.get()
        place.set(Frame(self._inside(outer.value if outer is not None else None), outer))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        place = self._place()
        frame = place.get()
        if frame is not None:
            place.set(frame.outer)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isasyncgenfunction(function):
            run = _around_async_generator(self._anew, function)
        elif inspect.iscoroutinefunction(function):
            run = _around_coroutine(self._anew, function)
        elif inspect.isgeneratorfunction(function):
            run = _around_generator(self._anew, function)
        else:
            run = _around(self._anew, function)
        return cast("Callable[P, R]", functools.wraps(function)(run))


Anew = Callable[[], Around[Any]]


def _around(anew: Anew, function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with anew():
            return function(*args, **kwargs)

    return run


def _around_coroutine(anew: Anew, function: Callable[..., Any]) -> Callable[..., Any]:
    async def run(*args: Any, **kwargs: Any) -> Any:
        with anew():
            return await function(*args, **kwargs)

    return run


def _around_generator(anew: Anew, function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        return (yield from _stepwise(anew(), function(*args, **kwargs)))

    return run


def _around_async_generator(anew: Anew, function: Callable[..., Any]) -> Callable[..., Any]:
    async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        block, steps = anew(), function(*args, **kwargs)
        answer: Any = None
        error: BaseException | None = None
        try:
            while True:
                with block:
                    try:
                        item = await (steps.athrow(error) if error is not None else steps.asend(answer))
                    except StopAsyncIteration:
                        return
                try:
                    answer, error = (yield item), None
                except GeneratorExit:
                    raise
                except BaseException as thrown:  # noqa: BLE001 - handed on to the generator
                    answer, error = None, thrown
        finally:
            await steps.aclose()

    return run


def _stepwise(block: Around[Any], steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run a generator with the block around each of its steps, and only there: between steps its caller's hold."""
    answer: Any = None
    error: BaseException | None = None
    while True:
        with block:
            try:
                item = steps.throw(error) if error is not None else steps.send(answer)
            except StopIteration as done:
                return done.value
        try:
            answer, error = (yield item), None
        except GeneratorExit:
            steps.close()
            raise
        except BaseException as thrown:  # noqa: BLE001 - handed on to the generator
            answer, error = None, thrown
