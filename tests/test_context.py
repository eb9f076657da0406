"""``tag()``: who the calls inside are for, wherever "inside" may be."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import tokeneff
from tokeneff.context import current_tags


def here() -> dict[str, Any]:
    return dict(current_tags())


def test_tags_hold_inside_a_block_and_not_after() -> None:
    assert here() == {}
    with tokeneff.tag(user="u1", feature="f"):
        assert here() == {"user": "u1", "feature": "f"}
    assert here() == {}


def test_inner_tags_are_added_and_win_and_none_takes_away() -> None:
    with tokeneff.tag(user="u1", feature="f"):
        with tokeneff.tag(user="u2", round=3):
            assert here() == {"user": "u2", "feature": "f", "round": 3}
            with tokeneff.tag(user=None, nothing=None):
                assert here() == {"feature": "f", "round": 3}
        assert here() == {"user": "u1", "feature": "f"}


def test_an_error_leaves_the_block_and_its_tags() -> None:
    with pytest.raises(KeyError), tokeneff.tag(user="u1"):
        raise KeyError("mine")
    assert here() == {}


def test_one_tag_serves_many_blocks_also_one_in_another() -> None:
    block = tokeneff.tag(user="u1")
    for _ in range(2):
        with block, block:
            assert here() == {"user": "u1"}
        assert here() == {}


@pytest.mark.parametrize("value", ["text", "", 0, 1, 1.5, True, False])
def test_values_are_kept_as_they_are(value: Any) -> None:
    with tokeneff.tag(key=value):
        assert here() == {"key": value}
        assert type(here()["key"]) is type(value)


@pytest.mark.parametrize("value", [object(), ["a"], {"a": 1}, b"bytes", ("a",)])
def test_what_no_attribute_can_hold_is_refused_by_name(value: Any) -> None:
    with pytest.raises(TypeError, match=r"tag\(feature=…\) takes a str, int, float or bool, not .*feature=str"):
        tokeneff.tag(feature=value)


def test_what_holds_cannot_be_changed_from_outside() -> None:
    with tokeneff.tag(user="u1"), pytest.raises(TypeError):
        current_tags()["user"] = "u2"  # type: ignore[index]


async def test_across_awaits_and_tasks_and_gathers() -> None:
    async def within(number: int) -> dict[str, Any]:
        await asyncio.sleep(0)
        async with tokeneff.tag(number=number):
            await asyncio.sleep(0.001)
            return here()

    async with tokeneff.tag(user="u1"):
        task = asyncio.create_task(within(0))
        found = await asyncio.gather(*[within(number) for number in (1, 2)])
        assert here() == {"user": "u1"}
    assert here() == {}
    assert [await task, *found] == [{"user": "u1", "number": number} for number in range(3)]


def test_threads_have_them_with_a_copied_context_and_not_without() -> None:
    found: dict[str, Any] = {}

    def note(name: str) -> None:
        found[name] = here()

    with tokeneff.tag(user="u1"):
        context = contextvars.copy_context()
        for thread in (
            threading.Thread(target=context.run, args=(note, "copied")),
            threading.Thread(target=contextvars.Context().run, args=(note, "empty")),
        ):
            thread.start()
            thread.join()

    assert found == {"copied": {"user": "u1"}, "empty": {}}


def test_as_a_decorator_of_a_function() -> None:
    @tokeneff.tag(feature="f")
    def work(a: int, *, b: int = 2) -> tuple[int, int, dict[str, Any]]:
        """What it does."""
        return a, b, here()

    assert work(1, b=3) == (1, 3, {"feature": "f"})
    assert (work.__name__, work.__doc__) == ("work", "What it does.")
    assert str(inspect.signature(work)).startswith("(a: 'int', *, b: 'int' = 2)")
    assert here() == {}


async def test_as_a_decorator_of_a_coroutine_function() -> None:
    @tokeneff.tag(feature="f")
    async def work() -> dict[str, Any]:
        await asyncio.sleep(0)
        return here()

    assert inspect.iscoroutinefunction(work)
    assert await work() == {"feature": "f"}
    assert here() == {}


def test_as_a_decorator_of_a_generator() -> None:
    closed: list[dict[str, Any]] = []

    @tokeneff.tag(feature="f")
    def work() -> Iterator[Any]:
        try:
            got = yield here()
            try:
                yield got, here()
            except KeyError as error:
                yield error.args, here()
            yield "never"
        finally:
            closed.append(here())

    with tokeneff.tag(user="u1"):
        steps: Any = work()
        assert next(steps) == {"user": "u1", "feature": "f"}
        assert here() == {"user": "u1"}
        assert steps.send("sent") == ("sent", {"user": "u1", "feature": "f"})
        assert steps.throw(KeyError("thrown")) == (("thrown",), {"user": "u1", "feature": "f"})
        steps.close()
        assert here() == {"user": "u1"}
    assert len(closed) == 1


def test_a_decorated_generator_returns_what_it_returns() -> None:
    @tokeneff.tag(feature="f")
    def work() -> Any:
        yield 1
        return "done"

    def outer() -> Any:
        return (yield from work())

    steps = outer()
    assert next(steps) == 1
    with pytest.raises(StopIteration) as done:
        next(steps)
    assert done.value.value == "done"


async def test_as_a_decorator_of_an_async_generator() -> None:
    closed: list[bool] = []

    @tokeneff.tag(feature="f")
    async def work() -> AsyncIterator[Any]:
        try:
            got = yield here()
            try:
                yield got, here()
            except KeyError as error:
                yield error.args, here()
        finally:
            closed.append(True)

    async with tokeneff.tag(user="u1"):
        steps: Any = work()
        assert await steps.__anext__() == {"user": "u1", "feature": "f"}
        assert here() == {"user": "u1"}
        assert await steps.asend("sent") == ("sent", {"user": "u1", "feature": "f"})
        assert await steps.athrow(KeyError("thrown")) == (("thrown",), {"user": "u1", "feature": "f"})
        await asyncio.create_task(steps.aclose())
        assert here() == {"user": "u1"}
    assert closed == [True]
    assert (await work().__anext__()) == {"feature": "f"}  # type: ignore[attr-defined]


async def test_an_async_generator_that_is_finished_in_another_context_raises_nothing() -> None:
    async def words() -> AsyncIterator[int]:
        with tokeneff.tag(feature="f"):
            yield 1
            yield 2

    items: Any = words()
    await items.__anext__()
    await asyncio.get_running_loop().create_task(items.aclose(), context=contextvars.Context())


def test_methods_can_be_decorated() -> None:
    class Service:
        @tokeneff.tag(feature="f")
        def work(self, word: str) -> tuple[str, dict[str, Any]]:
            return word, here()

    assert Service().work("x") == ("x", {"feature": "f"})
