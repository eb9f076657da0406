"""Spans of time and dates, as people type them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokeneff.cli._durations import duration, since
from tokeneff.cli._output import UsageError

NOW = 1_760_000_000.0


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
        (" 1.5 H ", timedelta(minutes=90)),
        ("0d", timedelta()),
    ],
)
def test_spans(text: str, span: timedelta) -> None:
    assert duration(text) == span
    assert since(text, now=NOW) == round((NOW - span.total_seconds()) * 1e6)


def test_dates() -> None:
    assert since("2025-10-09") == 1_759_968_000_000_000
    assert since("2025-10-09T08:53:20") == 1_760_000_000_000_000
    assert since("2025-10-09T10:53:20+02:00") == 1_760_000_000_000_000
    assert since("1969-12-31T23:59:59.999999") == -1


@given(st.text())
def test_anything_else_is_refused_in_words(text: str) -> None:
    for parse in (duration, since):
        try:
            parse(text, "--older")
        except UsageError as error:
            refused = str(error)
        else:
            continue
        assert refused.startswith("--older ")


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7y", "1e3d", "seven days", "40000d", "999999999w", "٧d"])
def test_wrong(text: str) -> None:
    with pytest.raises(UsageError, match="--older"):
        duration(text, "--older")
    with pytest.raises(UsageError, match="--since"):
        since(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00+23:59", "9999-12-31T23:59-23:59"])
def test_a_moment_that_no_calendar_has_in_utc(text: str) -> None:
    with pytest.raises(UsageError, match="--since is not"):
        since(text)
