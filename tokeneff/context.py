"""Who a call is for."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextvars import ContextVar
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")

Value = str | bool | int | float
_NONE: Mapping[str, Value] = MappingProxyType({})


class _Frame(NamedTuple):
    tags: Mapping[str, Value]
    outer: _Frame | None


# Each value holds the one before it, so that leaving needs no token: a token is refused in another context, which is
# where an asynchronous generator is finalised ("was created in a different Context").
_current: ContextVar[_Frame | None] = ContextVar("tokeneff_tags", default=None)


class tag:  # noqa: N801 - reads as a verb at the place of use
    """Say who the calls inside a block are for: every span, total and record of them carries these tags.

    Example::

        with tokeneff.tag(user="u1", feature="summarise", session="s9"):
            client.chat.completions.create(...)

        @tokeneff.tag(feature="nightly")
        async def job(): ...

    It holds across awaits, for tasks started inside, and for threads that run in a copied context. Blocks nest: inner
    tags are added to outer ones and win over them. As a decorator it serves functions, coroutine functions and
    generators of both kinds.

    Args:
        **tags: names to values (``str``, ``int``, ``float`` or ``bool``; ``None`` takes an outer tag away).
            ``user`` becomes ``user.id`` and ``session`` becomes ``gen_ai.conversation.id`` on spans, so give a
            session only where there is a real one. The rest becomes ``tokeneff.tag.<name>``.

    Raises:
        TypeError: a value is of another type.
    """

    __slots__ = ("_tags",)

    def __init__(self, **tags: Value | None) -> None:
        for key, value in tags.items():
            if value is not None and not isinstance(value, (str, bool, int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(
                    f"tokeneff.tag({key}=…) takes a str, int, float or bool, not {type(value).__name__}; "
                    f"write {key}=str(…) if its text is what you mean"
                )
        self._tags = tags

    def __enter__(self) -> tag:
        outer = _current.get()
        merged = {**(outer.tags if outer is not None else _NONE), **self._tags}
        kept = {key: value for key, value in merged.items() if value is not None}
        _current.set(_Frame(MappingProxyType(kept), outer))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        frame = _current.get()
        if frame is not None:
            _current.set(frame.outer)

    async def __aenter__(self) -> tag:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isasyncgenfunction(function):
            run = _around_async_generator(self, function)
        elif inspect.iscoroutinefunction(function):
            run = _around_coroutine(self, function)
        elif inspect.isgeneratorfunction(function):
            run = _around_generator(self, function)
        else:
            run = _around(self, function)
        return cast("Callable[P, R]", functools.wraps(function)(run))


def _around(block: tag, function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with block:
            return function(*args, **kwargs)

    return run


def _around_coroutine(block: tag, function: Callable[..., Any]) -> Callable[..., Any]:
    async def run(*args: Any, **kwargs: Any) -> Any:
        with block:
            return await function(*args, **kwargs)

    return run


def _around_generator(block: tag, function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        return (yield from _stepwise(block, function(*args, **kwargs)))

    return run


def _around_async_generator(block: tag, function: Callable[..., Any]) -> Callable[..., Any]:
    async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = function(*args, **kwargs)
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


def _stepwise(block: tag, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run a generator with the tags set while it runs, and only then: between steps its caller's tags hold."""
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


def current_tags() -> Mapping[str, Value]:
    """The tags that hold here."""
    frame = _current.get()
    return frame.tags if frame is not None else _NONE
