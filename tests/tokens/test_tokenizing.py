"""Counting texts by a vocabulary: exact, linear, and whatever the text."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokens_lab import words

from tokeneff.tokens import Counter, estimate
from tokeneff.tokens import _vocabulary as vocabulary_module
from tokeneff.tokens._offline import cached, packaged
from tokeneff.tokens._text import count_text, pieces
from tokeneff.tokens._vocabulary import FILE, Vocabularies

MEGABYTE = 1_000_000


class PanicException(BaseException):
    pass


@pytest.mark.parametrize("letter", ["a", " ", "\t", "\n", "0", "🎉", "é", "\ud800", "a ", "<|endoftext|>"])
def test_no_tokenizer_is_given_more_than_a_little_at_a_time(letter: str) -> None:
    given_: list[int] = []

    def count(text: str) -> int:
        given_.append(len(text))
        return len(text)

    text = letter * (MEGABYTE // len(letter))
    assert count_text(text, count) == len(text)
    assert max(given_) <= 40_000
    assert len(given_) <= len(text) / 38_000 + 1


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=30), st.integers(0, 20_000))
def test_pieces_are_the_whole_text(part: str, times: int) -> None:
    text = part * times
    assert "".join(pieces(text)) == text


def test_prose_is_cut_between_words() -> None:
    text = "some words of the usual kind " * 20_000
    assert count_text(text, words) == words(text)


def test_a_panic_is_an_estimate_and_an_interrupt_is_not_held_back() -> None:
    def panics(text: str) -> int:
        raise PanicException("stack overflow")

    def interrupted(text: str) -> int:
        raise KeyboardInterrupt

    assert count_text("some text", panics) == estimate("some text")
    with pytest.raises(KeyboardInterrupt):
        count_text("some text", interrupted)


def test_what_utf8_cannot_encode_is_counted_as_its_replacement() -> None:
    def strict(text: str) -> int:
        return len(text.encode())

    assert count_text("ab\ud800", strict) == len("ab\ufffd".encode())


def test_a_load_never_blocks_and_is_not_begun_twice() -> None:
    go = threading.Event()
    begun: list[str] = []

    def load(name: str) -> Callable[[str], int]:
        begun.append(name)
        go.wait(30)
        return words

    vocabularies = Vocabularies(load)
    counter = Counter(vocabularies)
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "one two three"}]}
    for _ in range(50):
        prompt = counter.prompt("chat", body, "gpt-4o")
        assert (prompt.encoding, prompt.exact) == ("estimator", False)
    go.set()
    assert counter.await_vocabulary("gpt-4o", 30)
    prompt = counter.prompt("chat", body, "gpt-4o")
    assert (prompt.encoding, prompt.exact, prompt.tokens) == ("o200k_base", True, 4 + 3 + 3)
    assert begun == ["o200k_base"]


def test_a_failed_load_is_tried_again_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(vocabulary_module.time, "monotonic", lambda: now[0])
    tried: list[float] = []

    def load(name: str) -> Callable[[str], int]:
        tried.append(now[0])
        raise PanicException(name)

    vocabularies = Vocabularies(load)
    for _ in range(100_000 // 50):
        assert vocabularies.ready("o200k_base", 30) is None
        now[0] += 50
    assert len(tried) == 3
    assert tried[1] - tried[0] >= 300
    assert tried[2] - tried[1] >= 3600


def test_a_load_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(vocabulary_module.time, "monotonic", lambda: now[0])
    never = threading.Event()
    begun = threading.Semaphore(0)

    def load(name: str) -> Callable[[str], int]:
        begun.release()
        never.wait(60)
        raise TimeoutError

    vocabularies = Vocabularies(load)
    for _ in range(2000):
        assert vocabularies.ready("o200k_base") is None
        now[0] += 30
    never.set()
    assert 1 < vocabularies.loads <= 3


@lru_cache
def _packaged(name: str) -> Any:
    return packaged(name)


def test_a_load_that_hangs_is_waited_for_once() -> None:
    never = threading.Event()

    def load(name: str) -> Callable[[str], int]:
        never.wait(60)
        raise TimeoutError

    waited: list[float] = []

    class Done(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0.0)
            return False

    vocabularies = Vocabularies(load)
    vocabularies.ready("o200k_base")
    slot = vocabularies._slots["o200k_base"]
    slot.done = Done()
    slot.since -= 7
    assert vocabularies.ready("o200k_base", 10) is None
    slot.since -= 7
    assert vocabularies.ready("o200k_base", 10) is None
    never.set()
    assert 0 < waited[0] <= 3
    assert waited[1] == 0


TRICKY = [
    "Hello, world! It's 3.14 o'clock.",
    "  leading\n\n\ttabs \r\n and trailing   ",
    "日本語のテキスト、한국어, Ελληνικά, русский, हिन्दी, العربية",
    "🎉👩‍👩‍👧‍👦🏳️‍🌈 e\u0301 \u200d\u202e",
    "<|endoftext|> <|fim_prefix|>",
    'def f(x: int) -> str:\n    return f"{x!r:>10}"  # ok\n',
    "\ud83c lone \udf89",
    "a" * 5000,
    " " * 5000 + "x",
    "0123456789" * 50,
]


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
def test_the_offline_extra_is_the_published_vocabulary(name: str) -> None:
    pytest.importorskip("quicktok", reason="the offline extra is not installed")
    found = _packaged(name)
    assert found is not None, "the package's vocabulary is not the one that OpenAI publishes"
    assert (found.name, found.decode(found.encode_ordinary("Hello, wörld"))) == (name, "Hello, wörld")
    counted = [len(found.encode_ordinary(text)) for text in TRICKY]
    # tiktoken 0.14's own counts, with the vocabulary that it downloads.
    known = {
        "o200k_base": [12, 9, 18, 23, 13, 24, 3, 625, 41, 167],
        "cl100k_base": [13, 9, 41, 36, 13, 23, 3, 625, 41, 167],
    }
    assert counted == known[name]


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
def test_it_counts_as_tiktoken_does_with_its_own_file(name: str) -> None:
    pytest.importorskip("quicktok", reason="the offline extra is not installed")
    if not cached(name):
        pytest.skip(f"tiktoken's own file of {name} is not on this machine: set TIKTOKEN_CACHE_DIR")
    import tiktoken

    own, found = tiktoken.get_encoding(name), _packaged(name)
    assert found is not None
    assert found._pat_str == own._pat_str
    rng = random.Random(7)
    for _ in range(1000):
        text = "".join(chr(rng.choice((rng.randrange(128), rng.randrange(0x3000)))) for _ in range(rng.randrange(60)))
        assert found.encode_ordinary(text) == own.encode_ordinary(text)
    for text in TRICKY:
        assert found.encode_ordinary(text) == own.encode_ordinary(text)


@pytest.mark.parametrize("letter", ["a", " ", "\t", "\n", "🎉", "a b", "\ud800"])
def test_a_great_deal_of_anything_is_counted(letter: str) -> None:
    pytest.importorskip("quicktok", reason="the offline extra is not installed")
    counter = Counter()
    assert counter.await_vocabulary("gpt-4o", 120)
    one, two = (counter.text(letter * (size // len(letter)), "gpt-4o") for size in (80_000, 320_000))
    assert 3.9 < two / one < 4.1


def tokenizer_in(folder: Path, name: str) -> Path:
    tokenizers: Any = pytest.importorskip("tokenizers", reason="the tokenizers extra is not installed")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"one": 0, "two": 1, "[UNK]": 2}, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    made.save(str(file))
    return file


@pytest.mark.parametrize("form", ["folder", "list", "hub"])
def test_another_family_counts_by_its_own_file(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = "models--acme--roadrunner-7b/snapshots/abc"
    place = {"folder": "roadrunner-7b", "list": "somewhere", "hub": snapshot}[form]
    file = tokenizer_in(tmp_path, f"{place}/tokenizer.json")
    if form == "folder":
        monkeypatch.setenv("TOKENEFF_TOKENIZERS", str(tmp_path))
    elif form == "list":
        monkeypatch.setenv("TOKENEFF_TOKENIZERS", f"other=/none,acme/roadrunner-7b={file}")
    else:
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    counter = Counter(Vocabularies(lambda name: vocabulary_module.load_encoding(name) if FILE in name else words))
    assert counter.await_vocabulary("acme/roadrunner-7b", 60)
    prompt = counter.prompt("chat", {"messages": [{"role": "user", "content": "one, two!"}]}, "acme/roadrunner-7b")
    assert prompt.exact
    assert prompt.encoding in ("acme/roadrunner-7b", "roadrunner-7b")
    assert [piece.tokens for piece in prompt.pieces] == [4 + 4]


def test_a_broken_tokenizer_file_leaves_the_nearest_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.json").write_text("{")
    monkeypatch.setenv("TOKENEFF_TOKENIZERS", str(tmp_path))
    counter = Counter(Vocabularies(lambda name: vocabulary_module.load_encoding(name) if FILE in name else words))
    assert counter.await_vocabulary("mine", 60)
    prompt = counter.prompt("chat", {"messages": [{"role": "user", "content": "one two"}]}, "mine")
    assert (prompt.encoding, prompt.exact) == ("o200k_base", False)
