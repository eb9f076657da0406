"""Kinds that leave something out: what stays, and that all of it is got back."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trim_arrival_kit import arriving, conversation, memo_of, outputs, sent, words

from tokeneff.trim._reading import history_of
from tokeneff.trim.kinds import LOSSLESS, LOSSY, Context, kinds_of
from tokeneff.trim.kinds._lossy import joined
from tokeneff.trim.memo._vault import Vault

HERE = [name for name in LOSSY if name != "llmlingua"]


def made(name: str, text: str, **named: Any) -> str | None:
    edit = kinds_of([name])[0].edit(text, Context(count=words, **named))
    return None if edit is None else edit.text


def test_of_a_huge_result_stay_its_ends_and_what_is_wrong():
    lines = [f"step {number}: all is well with part {number * 7} of the machine" for number in range(2000)]
    lines[1000] = "ERROR: part 17 has failed"
    lines[1200] = "the booking HAT021 is here"
    short = made("ends", "\n".join(lines), query="What about HAT021?")
    assert short is not None
    assert words(short) < 4000
    kept = short.split("\n")
    assert (kept[0], kept[-1]) == (lines[0], lines[-1])
    assert [line for line in kept if not line.startswith("step")] == [
        "[896 lines left out]",
        "ERROR: part 17 has failed",
        "[199 lines left out]",
        "the booking HAT021 is here",
        "[703 lines left out]",
    ]
    assert made("ends", "\n".join(lines[:20])) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text("ab", min_size=1, max_size=3), st.booleans(), st.booleans()), min_size=1, max_size=9))
def test_what_is_kept_and_what_is_counted_are_all_of_it(parts: list[tuple[str, bool, bool]]):
    texts, keep, starts = [list(column) for column in zip(*parts, strict=True)]
    starts[0] = True
    short = joined(texts, keep, starts=starts).split("\n")
    told = [line for line in short if line.startswith("[")]
    kept = "".join(line for line in short if not line.startswith("["))
    assert kept == "".join(text for text, kept in zip(texts, keep, strict=True) if kept)
    counted = sum(int(line[1:].split()[0]) for line in told if "characters" in line)
    assert counted + sum(int(line[1:].split()[0]) for line in told if "lines" in line) <= len("\n".join(texts))
    if sum(starts) == 1 and not all(keep) and any(keep):
        assert counted + len(kept) == len("".join(texts))


def test_one_long_line_stays_one_line():
    text = json.dumps([{"id": number, "v": f"x{number * 7919}"} for number in range(4000)], separators=(",", ":"))
    short = made("ends", text)
    assert short is not None
    head, note, tail = short.split("\n")
    assert text.startswith(head)
    assert text.endswith(tail)
    assert note == f"[{len(text) - len(head) - len(tail)} characters left out]"


def test_lines_of_a_log_are_counted():
    log = "".join(
        f"2024-05-0{number} 12:00:{number:02} GET /users/{number} took {number}ms\n" for number in range(1, 8)
    )
    assert made(
        "logs", f"start\n{log}2024-05-09 error 5 of all\n2024-05-09 error 6 of all\n2024-05-09 error 7\nend"
    ) == (
        "start\n2024-05-01 12:00:01 GET /users/1 took 1ms\n[5 more like the line above, other numbers]\n"
        "2024-05-07 12:00:07 GET /users/7 took 7ms\n"
        "2024-05-09 error 5 of all\n2024-05-09 error 6 of all\n2024-05-09 error 7\nend"
    )
    assert made("logs", "\n".join(f"{number} {number}" for number in range(50))) is None


def test_a_page_is_its_text():
    page = """<!DOCTYPE html><html><head><title>x</title><script>var a = 1;</script></head><body>
      <h1>Fish &amp; chips</h1><p>One   <b>two</b>
      <a href="/three">three</a></p><style>p {}</style><ul><li>a</li><li>b</li></ul>
      <table><tr><td>1</td><td>2</td></tr></table><pre>  as
   is</pre></body></html>"""
    assert made("html", page) == ("# Fish & chips\n\nOne two three (/three)\n\n- a\n\n- b\n\n | 1 | 2\n\n  as\n   is")
    assert made("html", "a text with <b>tags</b>") is None
    assert made("html", page, verbatim=True) is None


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<div><svg><path/></div><p>one</p><svg><text>x</text></svg><p>two</p>", "one\n\ntwo"),
        ("<canvas><svg><p>one</p><style>p {}</style><p>two</p>", "one\n\ntwo"),
        ("<template><svg></template><p>one</p>", "one"),
        ("<p>one</p><script>var two = 2;", "one"),
    ],
)
def test_an_element_without_an_end_does_not_silence_the_rest(page: str, text: str):
    assert made("html", f"<html><head><style>p {{}}</style></head><body>{page}") == text
    assert made("html", f"<html><head><style>p {{}}</style><body>{page}") == text


def test_paragraphs_that_have_to_do_with_the_question_stay():
    paragraphs = [f"Chapter {number} is on birds, trees and weather. " * 30 for number in range(12)]
    paragraphs[7] = "Refunds for cancelled flights are paid within seven days. " * 10
    short = made("relevant", "\n\n".join(paragraphs), query="When are refunds of cancelled flights paid?")
    assert short is None
    paragraphs[9] = "A refund of a flight needs its ticket. " * 10
    short = made("relevant", "\n\n".join(paragraphs), query="When are refunds of a cancelled flight paid?")
    assert short is not None
    assert short.split("\n") == [
        paragraphs[0],
        "[6 paragraphs left out]",
        paragraphs[7],
        "[1 paragraphs left out]",
        paragraphs[9],
        "[2 paragraphs left out]",
    ]


def test_llmlingua_is_asked_where_it_is_installed(monkeypatch: pytest.MonkeyPatch):
    class PromptCompressor:
        def __init__(self, **named: Any) -> None:
            pass

        def compress_prompt(self, text: str, **named: Any) -> dict[str, str]:
            return {"compressed_prompt": text[: len(text) // 2]}

    text = "Once upon a time there was a model. " * 100
    assert sent(arriving(names=["llmlingua"]), conversation(("t", {}, text))) == {}
    monkeypatch.setitem(sys.modules, "llmlingua", SimpleNamespace(PromptCompressor=PromptCompressor))
    assert sent(arriving(names=["llmlingua"]), conversation(("t", {}, text))) == {2: text[: len(text) // 2]}


def test_a_model_that_can_ask_is_told_how():
    memo = memo_of()
    text = "\n".join(f"2024-05-01 12:00:00 GET /users/{number} took {number}ms" for number in range(100))
    history = history_of("chat", {"messages": conversation(("t", {}, text))})
    assert history is not None
    (short,) = arriving(memo, ["logs"], recall="recall").arrive(history, "m").texts.values()
    *_, told = short.split("\n")
    assert told.startswith(f'[all {len(text)} characters: recall("')
    assert Vault(memo).fetch(told.split('"')[1]) == text


@pytest.mark.parametrize("many", [1_000, 8_000])
def test_what_is_huge_is_cut_however_huge_it_is(many: int):
    lines = [f"{'abc'[n % 3] * (n % 17 + 3)} says {'xyz'[n % 3] * (n % 13 + 2)}" for n in range(many)]
    memo, text = memo_of(), "\n".join(lines)
    history = history_of("chat", {"messages": conversation(("t", {}, text))})
    assert history is not None
    own = arriving(memo, ["html", "logs", "ends"], recall="recall")
    arrived = own.arrive(history, "m")
    ((path, short),) = arrived.texts.items()
    assert len(short) < 20_000
    assert short.count("recall(") == 1
    assert own.original(history, arrived, path) == text


@settings(max_examples=60, deadline=None)
@given(outputs(), st.sampled_from(["", "recall"]))
def test_all_is_got_back(text: str, recall: str):
    sent(arriving(names=[*LOSSLESS, *HERE], recall=recall), conversation(("t", {}, text), ("t", {}, text * 3)))
