"""The hard limit: what is too long fits with as little gone as will do, or is refused with what is in the way."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trim_checks import dumped, messages_in, sdk_takes
from trim_histories import DIALECTS, Asked, histories, random_history

from tokeneff.errors import ContextTooLong
from tokeneff.tokens import Counter, Prompt
from tokeneff.trim._history import Exchange, History
from tokeneff.trim._reading import history_of
from tokeneff.trim._validity import fault_of
from tokeneff.trim.planning._limit import Measure, fitted, window_of

_ROOT = Path(__file__).resolve().parents[2]
_TRACES = Path(os.environ.get("TOKENEFF_TRACES") or _ROOT.parent / "shared" / "data" / "traces")
_COUNTER = Counter()
_COUNTER.await_vocabulary("gpt-4o", 20)  # counts that changed under way would be no counts


def _measure(dialect: str) -> Measure:
    def measure(body: Mapping[str, Any]) -> tuple[int, Prompt]:
        prompt = _COUNTER.prompt(dialect, body, "gpt-4o")
        return prompt.tokens, prompt

    return measure


def _taken(dialect: str, body: dict[str, Any]) -> tuple[History, Measure]:
    history = history_of(dialect, body)
    assert history is not None
    return history, _measure(dialect)


def _loop(turns: int = 12, size: int = 400) -> dict[str, Any]:
    messages: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Fix it."}]
    for turn in range(turns):
        call = {"id": f"c{turn}", "type": "function", "function": {"name": "read_file", "arguments": "{}"}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{turn}", "content": f"line {turn}a\n" * size})
    return {"model": "gpt-4o", "messages": messages}


def test_a_request_that_fits_is_left_as_it_is() -> None:
    body = _loop()
    history, measure = _taken("chat", body)
    fit = fitted(history, measure(body)[0], measure)
    assert (fit.body, fit.texts, fit.gone) == (body, {}, ())
    assert fit.body["messages"] is body["messages"]


def test_the_oldest_results_go_first_and_no_more_than_need_to() -> None:
    body = _loop()
    history, measure = _taken("chat", body)
    whole = measure(body)[0]
    fit = fitted(history, whole - 1, measure)
    assert list(fit.texts) == [("messages", 3, "content")]
    fit = fitted(history, whole * 3 // 4, measure)
    assert [path[1] for path in fit.texts] == list(range(3, 3 + 2 * len(fit.texts), 2))
    assert fit.gone == ()
    one_less = dict(list(fit.texts.items())[:-1])
    assert measure(fitted(history, whole, measure, texts=one_less).body)[0] > whole * 3 // 4


def test_then_exchanges_go_and_never_what_the_model_has_not_seen() -> None:
    body = _loop()
    history, measure = _taken("chat", body)
    newest = measure({**body, "messages": [*body["messages"][:2], *body["messages"][-2:]]})[0]
    fit = fitted(history, newest + 10, measure)
    assert fit.gone
    assert fit.body["messages"][0] is body["messages"][0]
    assert fit.body["messages"][1] is body["messages"][1]
    assert fit.body["messages"][-2:] == body["messages"][-2:]


def test_what_stands_in_the_way_is_said() -> None:
    body = _loop()
    history, measure = _taken("chat", body)
    with pytest.raises(ContextTooLong) as caught:
        fitted(history, 500, measure, model="gpt-4o")
    error = caught.value
    assert (error.limit, error.model, error.tokens) == (500, "gpt-4o", measure(body)[0])
    assert next(iter(error.parts)) == "results that the model has not seen"
    assert abs(sum(error.parts.values()) - error.least) <= len(error.parts)
    assert str(error).startswith(
        f"the request has about {error.tokens:,} tokens, and 500 may be sent to gpt-4o at most;"
    )
    assert f"it still has {error.least:,}: results that the model has not seen " in str(error)


def test_tools_whose_results_stay_lose_them_only_with_the_exchange() -> None:
    body = _loop()
    history, measure = _taken("chat", body)
    fit = fitted(history, measure(body)[0] // 2, measure, keep_tools={"read_file"})
    assert not fit.texts
    assert fit.gone[0] == Exchange(2, 4)


def test_once_cut_it_may_be_cut_further() -> None:
    body = _loop()
    history, measure = _taken("chat", body)
    whole = measure(body)[0]
    fit = fitted(history, whole - 1, measure, target=whole // 2)
    assert fit.tokens <= whole // 2
    assert fitted(history, whole - 1, measure, target=1).tokens < whole // 8


def test_a_text_that_refers_to_one_that_goes_goes_with_it() -> None:
    body = _loop()
    history, measure = _taken("chat", body)
    refers = {("messages", 13, "content"): "[the same as the result of call c0]"}
    short = measure(fitted(history, 10**9, measure, texts=refers).body)[0]
    for share in range(1, 10):
        limit = short * share // 10
        try:
            fit = fitted(history, limit, measure, texts=refers, leans={13: (3,)})
        except ContextTooLong:
            continue
        said = str(dumped(fit.body))
        assert ("[the same as" in said) <= ("line 0a" in said)
    unseen = {("messages", 25, "content"): "[the same as the result of call c0]"}
    fit = fitted(history, short // 2, measure, texts=unseen, leans={25: (3,)})
    assert "line 0a" in str(fit.body)


def test_what_the_user_said_in_turns_of_which_nothing_is_left_goes_too() -> None:
    messages = [{"role": "user", "content": "The task."}]
    for turn in range(10):
        messages += [
            {"role": "assistant", "content": f"Answer {turn}"},
            {"role": "user", "content": f"Then {turn} " * 200},
        ]
    history, measure = _taken("chat", {"messages": messages})
    fit = fitted(history, 1500, measure)
    kept = [message["content"].split(" ")[1] for message in fit.body["messages"]]
    assert kept[:1] == ["task."]
    assert kept[-3:] == ["8", "9", "9"]
    assert "0" not in kept


def test_a_window_keeps_the_output_free() -> None:
    assert window_of("gpt-4o", {}) == 128_000 - 16_384
    assert window_of("gpt-4o", {"max_completion_tokens": 1_000}) == 127_000
    assert window_of("claude-sonnet-4-5", {"max_tokens": 10**9}) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories(), st.floats(0.05, 1))
def test_any_request_fits_or_says_why_not(asked: Asked, share: float) -> None:
    if fault_of(asked.dialect, asked.body):
        return
    history, measure = _taken(asked.dialect, asked.body)
    limit = int(measure(asked.body)[0] * share)
    try:
        fit = fitted(history, limit, measure)
    except ContextTooLong:
        return
    assert fit.tokens == measure(fit.body)[0] <= limit
    assert fault_of(asked.dialect, fit.body) == ""
    own, left = dumped(messages_in(asked.dialect, asked.body)), dumped(messages_in(asked.dialect, fit.body))
    system = [message for message in own if message.get("role") in ("system", "developer")] if own != left else []
    assert [message for message in left if message in system] == system
    assert left[-1] == own[-1]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_sdk_takes_what_fits(dialect: str) -> None:
    cut = 0
    for seed in range(200):
        asked = random_history(seed)
        if asked.dialect != dialect or not sdk_takes(dialect, asked.body):
            continue
        history, measure = _taken(dialect, asked.body)
        try:
            fit = fitted(history, measure(asked.body)[0] // 2, measure)
        except ContextTooLong:
            continue
        cut += 1
        assert sdk_takes(dialect, fit.body)
    assert cut


def test_recorded_conversations_fit_half_of_their_length() -> None:
    from tokeneff.traces import Conversation, read

    if not _TRACES.is_dir():
        pytest.skip(f"no recorded conversations at {_TRACES}: set TOKENEFF_TRACES")
    fits = refused = 0
    for path in sorted(_TRACES.glob("*[!t].jsonl")):
        for found in list(read(path))[:12]:
            if not isinstance(found, Conversation):
                continue
            dialect = "messages" if found.dialect == "anthropic" else "chat"
            body = found.calls[-1].request
            history, measure = _taken(dialect, body)
            try:
                fit = fitted(history, measure(body)[0] // 2, measure)
            except ContextTooLong:
                refused += 1
                continue
            fits += 1
            assert fault_of(dialect, fit.body) == ""
    assert fits > 20
    assert refused < fits
