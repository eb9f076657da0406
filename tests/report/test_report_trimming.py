"""What a report says of trimming, and how sure it is of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from report_calls import DAY, START, Reported, Run, call

from tokeneff.ledger import CallRecord, Ledger
from tokeneff.report import Arm, Compared, Trimmed
from tokeneff.report._confidence import FEWEST, Spent, saved
from tokeneff.report.html import render


def trimmed(conversation: int, cost: int, would: int, **told: Any) -> CallRecord:
    """A call of a conversation, with its input's cost and what that would have been."""
    told.setdefault("trim", "trimmed")
    held = told["trim"] == "held out"
    told = {
        "trim_conversation": f"{conversation:016x}",
        "cost": cost + 500,
        "cost_input": cost,
        "cost_output": 500,
        "trim_realised": 0 if held else would - cost,
        "trim_untrimmed": cost if held else would,
        "trim_source": "provider" if held else "simulated",
        **told,
    }
    return call(**told)


def held_out(conversation: int, cost: int, would: int, **told: Any) -> CallRecord:
    return trimmed(conversation, cost, would, trim="held out", **told)


def group(number: int, factor: float, seed: int, first: int = 0, **told: Any) -> list[CallRecord]:
    """Conversations of lengths as they come, that pay so much of what they would have."""
    random, made = Random(seed), list[CallRecord]()
    for conversation in range(first, first + number):
        for _ in range(random.randrange(1, 9)):
            would = int(random.lognormvariate(14, 0.6))
            made.append(
                trimmed(
                    conversation, int(would * factor * random.uniform(0.9, 1.1)), would, trim_baseline=would, **told
                )
            )
    return made


def test_nothing_is_said_of_what_was_not_looked_at(reported: Reported) -> None:
    assert reported(call()).trimming is None


def test_sums_over_all_that_was_looked_at(reported: Reported) -> None:
    edits = {"trim_tokens": 70, "trim_tokens_source": "estimated"}
    found = reported(
        trimmed(1, 800, 1_000, trim_edits=(("json", 2),), trim_expected=150, **edits),
        trimmed(1, 500, 1_000, trim_edits=(("cleared", 3), ("json", 1)), trim_expected=450, trim_gain=9_000, **edits),
        trimmed(
            2, 900, 600, trim_edits=(("json", 4),), trim_expected=10, **{**edits, "trim_tokens_source": "provider"}
        ),
        trimmed(3, 400, 400, trim="whole", trim_source="provider"),
        trimmed(4, 100, 100, trim_realised=None, trim_untrimmed=None, trim_source="", trim_expected=77, **edits),
        trimmed(5, 300, 300, trim="refused", trim_source="provider"),
        held_out(6, 5_000, 9_000),
        call(),
    ).trimming
    assert found == Trimmed(
        trimmed=4,
        whole=1,
        refused=1,
        held_out=1,
        conversations=5,
        dearer=1,
        edits=(("json", 6), ("cleared", 3)),
        tokens=280,
        estimated=3,
        predicted=610,
        realised=400,
        untrimmed=3_300,
        simulated=3,
        unknown=1,
        gain=9_000,
        compared=Compared(
            Arm(0, 0, 0, 0, 0), Arm(0, 0, 0, 0, 0), 0, None, None,
            "too few conversations to say: 0 held out, and it takes 20 of each kind",
        ),
    )  # fmt: skip


def test_conversations_are_compared_with_those_that_were_held_out(reported: Reported) -> None:
    rows = [*group(60, 0.7, 1), *group(40, 1.0, 2, first=60, trim="held out")]
    found = reported(*rows).trimming
    assert found is not None
    told = found.compared
    assert told is not None
    ours = [row for row in rows if row.trim == "trimmed"]
    assert told.trimmed == Arm(
        60,
        len(ours),
        sum(row.cost or 0 for row in ours),
        sum(row.cost_input or 0 for row in ours),
        sum(row.trim_baseline or 0 for row in ours),
    )
    assert told.held_out.conversations == 40
    assert told.saved is not None
    assert told.share is not None
    assert told.saved.value == pytest.approx(told.held_out.cost / 40 - told.trimmed.cost / 60, abs=1)
    # Measured by what it would have cost, a conversation's length is no matter: that tells far more.
    assert 0.28 < told.share.low < told.share.value < told.share.high < 0.32
    assert told.saved.low < told.saved.value < told.saved.high
    assert told.method == "95 % confidence by a studentised bootstrap over conversations, 999 resamples"
    again = reported(*Random(3).sample(rows, len(rows))).trimming
    assert again is not None
    assert again.compared == told


def test_what_says_nothing_is_left_out(reported: Reported) -> None:
    rows = [*group(25, 0.7, 1), *group(25, 1.0, 2, first=60, trim="held out")]
    whole = reported(*rows).trimming
    odd = [
        trimmed(200, 10**12, 10**12, trim_baseline=10**12),
        held_out(200, 10**12, 10**12, trim_baseline=10**12),  # held out in part
        trimmed(201, 10**12, 10**12, trim_baseline=10**12)._replace(cost=None),
        trimmed(202, 10**12, 10**12),  # of before anything was held out
    ]
    found = reported(*rows, *odd).trimming
    assert whole is not None
    assert found is not None
    assert whole.compared is not None
    assert found.compared == whole.compared._replace(left_out=2)


def test_only_the_period_counts(reported: Reported) -> None:
    rows = [trimmed(1, 700, 1_000), trimmed(1, 600, 1_000, time=START + DAY)]
    found = reported(*rows, since=START + DAY).trimming
    assert found is not None
    assert (found.trimmed, found.realised) == (1, 400)


def spent(number: int, factor: float, random: Random) -> list[Spent]:
    would = [random.lognormvariate(17, 0.7) for _ in range(number)]
    paid = [int(one * factor * random.lognormvariate(0, 0.15)) for one in would]
    return [Spent(cost + 10_000_000, cost, int(one)) for cost, one in zip(paid, would, strict=True)]


def test_an_interval_has_the_truth_about_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokeneff.report._confidence.RESAMPLES", 99)
    random = Random(4)
    hits = 0
    for _ in range(30):
        _, share = saved(spent(30, 0.8, random), spent(25, 1.0, random))
        assert share is not None
        hits += share.low <= 0.2 <= share.high
    assert 25 <= hits <= 30


def test_equal_conversations_leave_no_doubt() -> None:
    each, share = saved([Spent(80, 80, 100)] * FEWEST, [Spent(100, 100, 100)] * FEWEST)
    assert each is not None
    assert share is not None
    assert (round(each[0] * 1e9), each[0], each[0]) == (20, each.low, each.high)
    assert [round(value, 6) for value in share] == [0.2] * 3


@pytest.mark.parametrize(("ours", "theirs"), [(FEWEST - 1, 90), (90, FEWEST - 1)])
def test_of_too_few_nothing_is_said(ours: int, theirs: int) -> None:
    random = Random(5)
    assert saved(spent(ours, 0.8, random), spent(theirs, 1.0, random)) == (None, None)


def test_of_many_a_normal_distribution_says_as_much() -> None:
    random = Random(6)
    each, share = saved(spent(1_500, 0.8, random), spent(100, 1.0, random))
    assert each is not None
    assert share is not None
    assert math.isclose(each.value - each.low, each.high - each.value)
    assert share.low < 0.2 < share.high


def _lines(text: str) -> Sequence[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_terminal_and_a_page_say_it(run: Run, tmp_path: Path, reported: Reported) -> None:
    rows = [*group(30, 0.7, 1, trim_edits=(("json", 2),)), *group(30, 1.0, 2, first=60, trim="held out")]
    with Ledger(f"sqlite:///{tmp_path / 'calls.db'}") as made:
        made.write(rows)
    code, out, err = run("report", "--ledger", made.url)
    assert (code, err) == (0, "")
    page = render(reported(*rows))
    assert "trimming" in _lines(out)
    assert "edits json 60" in _lines(out)
    assert "held out 30 of 60 conversations" in _lines(out)
    for said in ("json 60", "30 of 60 conversations", "none cost more than it would have", "studentised bootstrap"):
        assert said in " ".join(out.split())
        assert said in page
    assert "saves 3" in out
