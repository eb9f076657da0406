"""What tests of arriving results share: an arriving of its own, requests by hand, and texts as tools write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tokeneff.trim._reading import history_of
from tokeneff.trim.arrival._arriving import Arriving
from tokeneff.trim.kinds import LOSSLESS
from tokeneff.trim.memo._memo import Memo
from tokeneff.trim.memo._stores import GuardedMemoStore, MemoryMemo, open_memo_store
from tokeneff.trim.memo._vault import Vault


def words(text: str, model: str = "") -> int:
    """A count that depends on nothing that has to be loaded: about what encodings count."""
    return sum(max(1, len(word) // 4) for word in text.replace("\n", " \n ").split(" "))


def memo_of(url: str = "", **named: Any) -> Memo:
    store = MemoryMemo() if not url else open_memo_store(url)
    return Memo(GuardedMemoStore(store, patience=5.0), **named)


def arriving(memo: Memo | None = None, names: Sequence[str] = LOSSLESS, **named: Any) -> Arriving:
    memo = memo_of() if memo is None else memo
    return Arriving(memo, Vault(memo), words, names, **named)


def called(number: int, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A model's turn that calls one tool."""
    function = {"name": tool, "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": f"call_{number}", "type": "function", "function": function}],
    }


def result(number: int, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": text}


def conversation(*steps: tuple[str, dict[str, Any], str]) -> list[dict[str, Any]]:
    """Messages of a model that calls tools: (tool, arguments, result) each."""
    made: list[dict[str, Any]] = [{"role": "user", "content": "Do it."}]
    for number, (tool, arguments, text) in enumerate(steps):
        made += [called(number, tool, arguments), result(number, text)]
    return made


def sent(own: Arriving, messages: list[dict[str, Any]]) -> dict[Any, str]:
    """What stands instead of texts in each request up to the last one; undone, it is what was there."""
    arrived = None
    for stop in [at for at, one in enumerate(messages) if one["role"] == "assistant"] + [len(messages)]:
        history = history_of("chat", {"model": "m", "messages": messages[:stop]})
        assert history is not None
        before, arrived = arrived, own.arrive(history, "m")
        assert before is None or before.texts.items() <= arrived.texts.items()
        assert own.known(history) == type(arrived)(arrived.texts, arrived.edits, arrived.leans)
        for spot in history.spots:
            assert own.original(history, arrived, spot.path) == spot.text
    assert arrived is not None
    return {path[1]: text for path, text in arrived.texts.items()}


numbers = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["1e0", "1.0", "-0", "1E5", "123456789012345678901234567890", "0.10"]),
)
texts = st.text(st.sampled_from('ab {}[]",:\\ \n\t\r\x1bé☃→0189=+/-_.'), max_size=30)
leaves = st.one_of(st.none(), st.booleans(), numbers, texts)
keys = st.sampled_from(["id", "name", "a.b", "price", "columns", "rows", "é", ""])
objects = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(keys, inner, max_size=4),
        st.tuples(st.dictionaries(keys, inner, min_size=1, max_size=4), st.integers(2, 6)).map(
            lambda made: [made[0]] * made[1]
        ),
    ),
    max_leaves=30,
)
tables = st.lists(
    st.fixed_dictionaries(
        {"flight_number": texts, "seats": st.fixed_dictionaries({"economy": leaves, "first": leaves}), "price": leaves}
    ),
    min_size=1,
    max_size=6,
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """JSON in one of the ways in which programs write it."""
    value = draw(st.one_of(objects, tables, st.lists(tables, min_size=1, max_size=3), st.just({"a": 1})))
    style = draw(st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": 1}, {"indent": "\t"}]))
    made = json.dumps(value, ensure_ascii=draw(st.booleans()), **style)
    for written in ("1e0", "1.0", "-0", "1E5", "0.10"):
        made = made.replace(f'"{written}"', written)
    return draw(st.sampled_from(["", " ", "\n"])) + made + draw(st.sampled_from(["", "\n", " \r\n"]))


lines = st.one_of(
    texts,
    st.sampled_from(["", "x" * 300, "=" * 500, "    return None  # nothing is there", "src/app/models.py:12:class A:"]),
    st.builds("{:>6}→{}".format, st.integers(1, 999), texts),
    st.builds("src/app/views.py:{}:{}".format, st.integers(1, 999), texts),
    st.builds("\x1b[3{}m{}\x1b[0m\r".format, st.integers(0, 9), texts),
)


@st.composite
def outputs(draw: st.DrawFn) -> str:
    """Texts as tools write them, with what repeats."""
    made: list[str] = []
    for one in draw(st.lists(st.one_of(lines, documents()), max_size=12)):
        made += [one] * draw(st.sampled_from([1, 1, 1, 2, 5, 30]))
    if draw(st.booleans()):
        made = [
            f"{number:>6}→{line}" for number, line in enumerate("\n".join(made).split("\n"), draw(st.integers(1, 95)))
        ]
    return "\n".join(made)
