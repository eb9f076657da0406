"""Advice on conversations whose bills were worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from advise_traffic import CLAUDE, PLAIN, ROWS, chat, choice, claude, priced, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokeneff import logs
from tokeneff.advise import Advice, advise
from tokeneff.advise._tallies import pays_after

CACHED = [
    {"input_tokens": 10, "cache_creation_input_tokens": 2_000, "output_tokens": 100},
    {"input_tokens": 10, "cache_read_input_tokens": 2_000, "cache_creation_input_tokens": 500, "output_tokens": 50},
]
UNCACHED = [{"input_tokens": 2_000 + 1_000 * number, "output_tokens": 10} for number in range(3)]
REPLY = len("It is item-7.")


def test_as_recorded_is_the_bill_that_the_provider_counted(tmp_path: Path) -> None:
    found = advise(written(tmp_path, claude(CACHED)))
    # 20 × 3,000 + 2,000 × 3,750 + 2,000 × 300 + 500 × 3,750 + 150 × 15,000
    assert choice(found, "as recorded").cost == 60_000 + 7_500_000 + 600_000 + 1_875_000 + 2_250_000
    assert (found.told, found.error, found.requests, found.models) == (2, None, 2, (CLAUDE,))
    assert (found.recorded, found.cached_told) == (10_035_000, 2_000)
    assert found.simulated is not None
    assert abs(found.simulated / 10_035_000 - 1) < 0.02
    assert "prompt cache" not in {one.name for one in found.choices}
    assert any("sets breakpoints itself" in note for note in found.notes)


def test_breakpoints_where_nobody_set_any(tmp_path: Path) -> None:
    found = advise(written(tmp_path, claude(UNCACHED)))
    before, after = choice(found, "as recorded"), choice(found, "prompt cache")
    assert before.cost == 9_000 * 3_000 + 30 * 15_000
    # All is written, and what was written before is read: 4,000 × 3,750 + (2,000 + 3,000) × 300.
    assert after.cost == 4_000 * 3_750 + 5_000 * 300 + 30 * 15_000
    assert (after.saved, after.spared_tokens, after.changed, after.dearer) == (before.cost - after.cost, 0, 1, 0)
    # The first request costs 1,500,000 more, which the second has saved.
    assert after.pays_after == 1
    assert after.write == "tokeneff.wrap(client, cache=tokeneff.Cache(None, prompt=True))"
    assert found.best is not None
    assert found.best.cost <= after.cost


def test_a_repeated_request_is_answered(tmp_path: Path) -> None:
    calls = [{"n_messages_in": 2, "prompt_tokens": 400, "completion_tokens": 20}]
    path = written(tmp_path, *(chat((), name="talk", calls=calls, id=str(number)) for number in range(3)))
    found = advise(path, prices=priced(tmp_path))
    one = 400 * 1_000 + 20 * 5_000
    assert choice(found, "as recorded").cost == 3 * one
    cache = choice(found, "response cache")
    assert (cache.cost, cache.answered, cache.input_tokens, cache.spared_tokens) == (one, 2, 400, 800)
    assert cache.write == 'tokeneff.wrap(client, cache=tokeneff.Cache(when="always"))'
    assert found.choices[0] == cache  # with trimming, which changes nothing, it is more to write


def test_a_repeated_request_that_asks_for_the_same_reply(tmp_path: Path) -> None:
    path = written(tmp_path, *(chat((), id=str(number), temperature=0) for number in range(2)))
    found = advise(path, prices=priced(tmp_path))
    assert choice(found, "response cache").write == "tokeneff.wrap(client, cache=tokeneff.Cache())"


def test_without_a_cache_each_token_less_is_its_price_less(tmp_path: Path) -> None:
    found = advise(written(tmp_path, chat([ROWS, "fine"])), prices=priced(tmp_path))
    before, after = choice(found, "as recorded"), choice(found, "trim, history as it is")
    assert before.cost > 1_000 * before.input_tokens > 0
    assert after.spared_tokens > 0.2 * before.input_tokens
    assert after.saved == 1_000 * after.spared_tokens
    assert (after.lost, after.changed, after.dearer, after.pays_after, after.never) == (0, 1, 0, 0, 0)
    assert after.identifiers > 0
    assert (after.worst, after.worst_change) == ("talk", after.change)
    assert found.told == 0
    assert found.error is not None
    assert found.error > 0


def test_what_is_lost_is_told_and_put_last(tmp_path: Path) -> None:
    lines = "\n".join(f"{n} request handled by worker-{n} in {n * 3} ms" for n in range(1_200))
    record = chat([lines, "fine"])
    record["messages"][-1]["content"] = "It was worker-600, and worker-601."
    found = advise(written(tmp_path, record), prices=priced(tmp_path))
    lossy, default = choice(found, "trim, lossy"), choice(found, "trim")
    assert (lossy.lost, lossy.sound, default.lost, default.sound) == (2, False, 0, True)
    assert lossy.cost < choice(found, "as recorded").cost
    assert found.choices.index(lossy) > found.choices.index(choice(found, "as recorded"))
    assert "2 identifiers that the next recorded turn used" in str(found)
    assert max(map(len, str(found).splitlines())) <= 100


def test_a_limit_that_bites(tmp_path: Path) -> None:
    results = [f"part {number}: " + "word " * 3_000 for number in range(6)]
    found = advise(written(tmp_path, chat(results)), prices=priced(tmp_path))
    limited = next(one for one in found.choices if one.name.startswith("trim to"))
    limit = int(limited.name.split()[2].replace(",", ""))
    assert f"trim=tokeneff.Trim(max_input_tokens={limit:_})" in limited.write
    assert limited.input_tokens < choice(found, "as recorded").input_tokens
    assert limited.too_long == limited.refused == 0


def test_a_row_is_the_recorded_bill_changed_in_proportion(tmp_path: Path) -> None:
    found = []
    for name, cached in (("much", 2_000), ("little", 200)):
        usages = [
            {"n_messages_in": 2 + 2 * n, "prompt_tokens": 2_000 + 4_000 * n, "cached_tokens": cached * n}
            for n in range(6)
        ]
        record = chat([f"part {n}: " + "word " * 3_900 for n in range(5)], model=CLAUDE, calls=usages)
        found.append(advise(written(tmp_path, record, name=f"{name}.jsonl")))
    much, little = (next(one for one in told.choices if one.name == "trim to 11,000 tokens") for told in found)
    assert much.input_tokens == little.input_tokens < choice(found[0], "trim").input_tokens
    assert (found[0].simulated, much.cost < little.cost) == (found[1].simulated, True)
    assert much.change == pytest.approx(little.change, abs=1e-6)
    assert abs(much.change) > 0.01


def test_a_provider_that_promises_nothing_reads_what_it_was_found_to_read(tmp_path: Path) -> None:
    found = []
    for name, cached in (("much", 3_900), ("little", 200)):
        usages = [
            {"n_messages_in": 2 + 2 * n, "prompt_tokens": 2_000 + 4_000 * n, "cached_tokens": cached * n}
            for n in range(6)
        ]
        record = chat([f"part {n}: " + "word " * 3_900 for n in range(5)], model="gpt-5", calls=usages)
        found.append(advise(written(tmp_path, record, name=f"{name}.jsonl")))
    much, little = (next(one for one in told.choices if one.name == "trim to 11,000 tokens") for told in found)
    # Where next to nothing is read, half the tokens are half the bill; where all is, what is cut is written anew.
    assert little.change == pytest.approx(-little.spared_tokens / 72_000, abs=0.02)
    assert (much.change > 0, much.dearer, much.never) == (True, 1, 1)
    assert any("as recorded" not in note and "promises nothing" in note for note in found[0].notes)


def test_another_model(tmp_path: Path) -> None:
    path = written(tmp_path, claude(CACHED))
    found = advise(path, model=PLAIN, prices=priced(tmp_path))
    before = choice(found, "as recorded")
    assert found.models == (PLAIN,)
    assert before.cost == 1_000 * before.input_tokens + 5_000 * 150
    assert (found.told, found.recorded, found.cached_told) == (0, None, None)


def test_requests_recorded_one_by_one_are_a_conversation(tmp_path: Path) -> None:
    whole = chat([ROWS, "fine"], name="talk")
    messages = whole["messages"]
    ends = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    pairs = [
        {
            "request": {"model": PLAIN, "messages": messages[:end]},
            "response": {"model": PLAIN, "choices": [{"message": messages[end]}]},
        }
        for end in ends
    ]
    prices = priced(tmp_path)
    one, many = advise(written(tmp_path, whole), prices=prices), advise(written(tmp_path, *pairs), prices=prices)
    assert (many.conversations, many.requests) == (one.conversations, one.requests) == (1, 3)
    figures = [(found.name, found.cost, found.lost, found.input_tokens) for found in one.choices]
    assert [(found.name, found.cost, found.lost, found.input_tokens) for found in many.choices] == figures


def test_a_part_of_the_traffic(tmp_path: Path) -> None:
    path, prices = written(tmp_path, *(chat(["a", "b"], name=f"n{n}") for n in range(3))), priced(tmp_path)
    assert (advise(path, prices=prices, conversations=2).requests, advise(path, prices=prices).requests) == (6, 9)
    found = advise(path, prices=prices, limit=4)
    assert (found.conversations, found.requests) == (2, 4)
    seen: list[tuple[int, int]] = []
    advise(path, prices=prices, limit=4, progress=lambda done, whole: seen.append((done, whole)))
    assert seen == [(3, 4), (4, 4)]
    for wrong in ({"conversations": 0}, {"limit": -1}):
        with pytest.raises(ValueError, match="write a whole number above 0"):
            advise(path, **wrong)


def test_pays_after() -> None:
    assert pays_after([10, 20, 30], [10, 20, 30]) == 0
    assert pays_after([10, 20, 30, 40], [10, 30, 35, 39]) == 2
    assert pays_after([10, 20, 30, 40], [10, 15, 35, 39]) == 2
    assert pays_after([10, 20, 30], [10, 20, 31]) is None


SIZES = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3_000)), min_size=1, max_size=4)


@pytest.mark.property
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SIZES, min_size=1, max_size=3), st.sampled_from(["gpt-5", "gpt-4o", "claude-opus-4-6", "gpt-5.6-sol"]))
def test_whatever_the_traffic(tmp_path: Path, sizes: list[list[tuple[int, int]]], model: str) -> None:
    records = []
    for number, results in enumerate(sizes):
        record = chat([json.dumps(list(range(size)), indent=2) for size, _ in results], name=f"n{number}", model=model)
        calls, total = [], 600
        for place, (_, cached) in enumerate(results):
            total += 1_000
            usage = {"prompt_tokens": total, "cached_tokens": min(cached, total), "completion_tokens": 7}
            calls.append({"n_messages_in": 2 + 2 * place, "created": 1_790_000_000 + 30 * place, **usage})
        records.append({**record, "messages": record["messages"][: 2 * len(results) + 1], "calls": calls})
    path = written(tmp_path, *records)
    _holds(advise(path), sum(record.cost or 0 for record in logs.records(path)))


def _holds(found: Advice, recorded: int) -> None:
    """What is so of any advice on traffic that its providers counted."""
    before = choice(found, "as recorded")
    assert before.cost == recorded
    assert list(found.choices) == sorted(found.choices, key=lambda one: (not one.sound, one.cost))
    for one in found.choices:
        assert one.saved == before.cost - one.cost
        assert one.spared_tokens == before.input_tokens - one.input_tokens
        assert 0 <= one.lost <= one.identifiers
        assert 0 <= one.dearer <= one.changed <= found.conversations
        assert one.never <= one.changed
        assert bool(one.worst) == bool(one.changed)
        assert (one.worst_change > 0) == bool(one.dearer)
    assert json.loads(json.dumps(found.as_json()))["choices"][0]["cost"] == found.choices[0].cost
    assert max(map(len, str(found).splitlines())) <= 100
