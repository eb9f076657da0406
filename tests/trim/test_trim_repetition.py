"""Whether a text says the same over and over: the rule as it is told, and nothing of what is written on purpose."""

from __future__ import annotations

import base64
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tokeneff.trim.output._output import CHARACTERS
from tokeneff.trim.output._repetition import TIMES, UNIT, Repetition, Runaway

TRACES = Path(os.environ.get("TOKENEFF_TRACES", Path(__file__).parents[3] / "shared" / "data" / "traces"))
PROSE = "The harbour had been quiet since the storm, and Agnieszka counted the boats twice before she believed it. "


def found(text: str, characters: int = CHARACTERS, size: int = 37) -> tuple[Runaway, int] | None:
    """What was found in a text that came in pieces of this size, and after how many characters."""
    watched = Repetition(characters)
    for start in range(0, len(text), size):
        run = watched.add(text[start : start + size])
        if run is not None:
            return run, start + size
    return None


def by_the_rule(text: str, characters: int) -> int | None:
    """The shortest unit that a text ends with often enough, tried one by one."""
    for period in range(1, UNIT + 1):
        needed = max(characters, TIMES * period)
        if len(text) < needed:
            return None
        end = text[len(text) - needed :]
        if end[period:] == end[:-period]:
            return period
    return None


units = st.text("ab ", min_size=1, max_size=70) | st.builds(
    lambda part, times, last: part * times + last,
    st.text("ab", min_size=1, max_size=5),
    st.integers(1, 12),
    st.just("c"),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(units, st.integers(1, 1_500)), min_size=1, max_size=3),
    st.sampled_from((1_000, 1_700)),
    st.sampled_from((1, 100, 256, 700)),
)
@example([("ab" * 30 + "c", 90)], 1_000, 256)
@example([("a" * 49 + "b", 19), ("a" * 50 + "b", 21)], 1_000, 100)
def test_what_is_found_is_what_the_rule_says(parts: list[tuple[str, int]], characters: int, size: int) -> None:
    text = "".join(unit * min(times, 6_000 // len(unit)) for unit, times in parts)
    watched, since = Repetition(characters), 0
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        run, since = watched.add(piece), since + len(piece)
        if since < 256:
            assert run is None
            continue
        since = 0
        period = by_the_rule(text[: start + size], characters)
        assert (None if run is None else len(run.unit)) == period
        if run is not None:
            assert text[: start + size].endswith(run.unit * run.times)
            break


@pytest.mark.parametrize("length", [1, 7, 49, 399, 400, 401, 799, 1_111, UNIT])
def test_every_length_of_unit_is_noticed_in_time(length: int) -> None:
    chance = random.Random(length)
    unit = "".join(chance.choice("abcdefgh \n") for _ in range(length))
    needed = max(CHARACTERS, TIMES * length)
    run = found(PROSE * 3 + unit * (needed // length + 300))
    assert run is not None
    assert (len(run[0].unit), run[0].times) == (length, needed // length)
    assert needed <= run[1] <= len(PROSE) * 3 + needed + 256 + 2 * 37
    assert found(PROSE * 3 + unit * (needed // length - 1) + PROSE) is None


def test_what_is_longer_than_a_unit_may_be_is_left_alone() -> None:
    chance = random.Random(1)
    unit = "".join(chance.choice("abcdefgh \n") for _ in range(UNIT + 1))
    assert found(unit * 40) is None


MEANT = {
    "an empty table": "| name | price | note |\n|------|------:|------|\n" + "|      |       |      |\n" * 200,
    "zeros in code": "static const uint8_t ZEROS[1024] = {\n" + ("    " + "0x00, " * 16 + "\n") * 64 + "};\n",
    "base64 of a blank page": base64.b64encode(bytes(5_000)).decode(),
    "a ruler": ("=" * 120 + "\n") * 2 + ("+" + "-" * 118 + "+\n") * 60,
    "a picture of characters": "".join("." * n + "#" * (120 - n) + "\n" for n in range(120)),
    "equal rows": json.dumps([{"x": 0, "y": 0, "visible": False}] * 180),
    "a matrix": "\n".join(" ".join("0" for _ in range(60)) for _ in range(60)),
    "the identity": "\n".join(" ".join(str(int(x == y)) for x in range(90)) for y in range(90)),
    "numbered lines": "".join(f"{n}. The same words again and again, and nothing else.\n" for n in range(2_000)),
    "cards of a page": ("<div class='card'><h2>Title</h2><p>" + PROSE * 3 + "</p><a href='#'>more</a></div>\n") * 15,
    "a chorus": (PROSE * 2 + "\n") * 19,
    "blank lines": "begin" + "\n" * 3_000 + "end",
    "random digits": "".join(random.Random(3).choices("01", k=100_000)),
    "words": " ".join(random.Random(4).choices(PROSE.split(), k=30_000)),
}


@pytest.mark.parametrize("name", MEANT)
def test_what_is_written_on_purpose_is_left_alone(name: str) -> None:
    assert found(MEANT[name]) is None
    assert found(PROSE * 3 + MEANT[name] + PROSE) is None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


@pytest.mark.parametrize(
    "name", ["tau_airline_gpt4o", "tau2_airline_gpt5", "miniswe_gemini3pro", "claude_code_sessions"]
)
def test_no_recorded_reply_is_taken_for_a_runaway(name: str) -> None:
    file = TRACES / f"{name}.jsonl"
    if not file.exists():
        pytest.skip(f"no recorded conversations {file.name} here: set TOKENEFF_TRACES to their folder")
    read = 0
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            for message in json.loads(line)["messages"]:
                if message["role"] == "assistant":
                    for text in _texts(message):
                        read += 1
                        assert found(text, 1_000) is None  # an eighth of what is usual
    assert read > 3_000
