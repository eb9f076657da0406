"""A semantic cache serves only what it has evidence for, in each context, and remembers what it has learnt."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from cache_store_kit import kinds, servers_by_kind
from hypothesis import given, settings
from hypothesis import strategies as st

import tokeneff
from tokeneff.cache import Reply
from tokeneff.cache._codec import Codec
from tokeneff.cache.semantic import Answer, Consideration, Neighbourhoods, Semantic, journal_of
from tokeneff.cache.semantic._dense import Dense

__all__ = ["servers_by_kind"]

DAY = 86_400.0
THINGS = ("card", "phone", "house", "garden", "letter", "ticket", "window", "flower", "kitchen", "school", "river")
WAYS = (
    "how do I get my {}",
    "can you tell me how I get my {}",
    "please, how do I get my {}",
    "I would like to know how I get my {}",
    "tell me how to get my {}",
    "well, how can I get my {}",
)


def said(text: str) -> Reply:
    message = {"role": "assistant", "content": text}
    return Reply("json", (), json.dumps({"choices": [{"index": 0, "message": message}]}).encode())


@dataclass
class Asker:
    """Asks as a cache's policy does."""

    places: Neighbourhoods
    context: bytes = b"context"
    kept: dict[bytes, Reply] = field(default_factory=dict)
    numbers: Any = field(default_factory=count)
    served: int = 0
    false: int = 0

    def ask(self, question: str, answer: str) -> Consideration:
        found = self.places.consider(self.context, question)
        if found.serve is not None:
            self.served += 1
            self.false += self.kept[found.serve] != said(answer)
            return found
        if found.token is not None:
            got, key = said(answer), next(self.numbers).to_bytes(32, "big")
            if found.explore is not None:
                self.places.judged(found.token, self.kept[found.explore], got)
            self.places.learnt(found.token, key, got)
            self.kept[key] = got
        return found

    def trust(self, times: int = 500, seed: int = 0) -> None:
        """Ask for things in several ways, which all go well."""
        rng = random.Random(seed)
        for _ in range(times):
            thing = rng.choice(THINGS)
            self.ask(rng.choice(WAYS).format(thing), f"so you get your {thing}")


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokeneff.cache.semantic._memoir._PATIENCE", 60.0)


def made(bound: float = 0.1, *, coin: Callable[[], float] = lambda: 0.5, **options: Any) -> Neighbourhoods:
    names = ("journal", "codec", "clock")
    own = {name: options.pop(name) for name in names if name in options}
    return Neighbourhoods(Semantic("lexical", bound, **{"confidence": 0.9, **options}), coin=coin, **own)


def test_nothing_is_served_before_there_is_evidence() -> None:
    asker = Asker(made())
    sent = 0
    while not asker.served and sent < 500:
        asker.trust(1, seed=sent)
        sent += 1

    totals = asker.places.totals()
    assert asker.served == 1
    assert totals["judged"] >= 25  # what it takes for 0.1 at 0.9, as in test_semantic_evidence.py
    assert totals["wrong"] == 0
    assert totals["evidence"] >= 1


def test_what_goes_well_is_served_but_for_the_share_that_is_looked_at() -> None:
    asker = Asker(made(coin=random.Random(5).random, explore=0.2))
    asker.trust(150)
    explored, unknown, before = 0, 0, asker.served
    for number in range(200):
        thing = THINGS[number % len(THINGS)]
        found = asker.ask(WAYS[number % len(WAYS)].format(thing), f"so you get your {thing}")
        explored += found.explore is not None
        unknown += (found.serve, found.explore) == (None, None)  # asked in this way for the first time
    assert unknown <= 5
    assert 20 <= explored <= 60  # 40 expected
    assert asker.served - before == 200 - explored - unknown
    assert asker.false == 0


def test_one_wrong_answer_ends_it_until_there_is_evidence_again() -> None:
    looked = [0.5]
    asker = Asker(made(coin=lambda: looked[0]))
    asker.trust(130)
    assert asker.ask(WAYS[0].format("card"), "so you get your card").serve is not None
    looked[0] = 0.0  # a candidate is looked at, and its answer is another one by now
    assert asker.ask(WAYS[0].format("card"), "there are no cards any more").explore is not None
    looked[0] = 0.5
    assert asker.ask(WAYS[1].format("house"), "so you get your house").serve is None


def test_where_every_answer_is_another_one_nothing_is_ever_served() -> None:
    asker = Asker(made(0.5))
    rng = random.Random(1)
    for number in range(200):
        asker.ask(rng.choice(WAYS).format(rng.choice(THINGS)), f"answer {number}")

    assert asker.served == 0


@pytest.mark.parametrize(("bound", "wrong"), [(0.1, 0.1), (0.1, 0.2), (0.2, 0.2), (0.2, 0.5)])
def test_the_bound_is_held_where_candidates_are_wrong_as_often_as_that_or_more(bound: float, wrong: float) -> None:
    over = 0
    for seed in range(3):
        rng = random.Random(seed)
        asker = Asker(made(bound, coin=rng.random))
        for number in range(200):
            thing = rng.choice(THINGS)
            answer = f"so you get your {thing}" if rng.random() >= wrong else f"not today {number}"
            asker.ask(rng.choice(WAYS).format(thing), answer)
        over += asker.served > 0 and asker.false > bound * asker.served

    assert over <= 1


def test_twins_are_not_even_looked_at_however_much_is_trusted() -> None:
    asker = Asker(made())
    asker.trust(130)

    for twin in (
        "how do I not get my card",
        "how do I get my 2 card",
        "how do I lose my card",
        "how do I get Anna's card",
    ):
        found = asker.places.consider(b"context", twin)
        assert found.serve is None, twin
    assert asker.places.consider(b"context", "how do I get my card?").serve is not None


def test_another_context_has_to_earn_its_own_trust() -> None:
    asker = Asker(made())
    asker.trust(130)
    other = Asker(asker.places, b"another", numbers=count(10**6))

    assert asker.ask(WAYS[0].format("card"), "so you get your card").serve is not None
    first = other.ask(WAYS[0].format("card"), "so you get your card")
    assert (first.serve, first.explore) == (None, None)
    for _ in range(8):
        assert other.ask(WAYS[0].format("card"), "so you get your card").serve is None


QUESTIONS = st.lists(
    st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.sampled_from(THINGS), st.sampled_from(WAYS)), max_size=40
)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.sampled_from(THINGS), st.sampled_from(WAYS)), max_size=60
    )
)
def test_no_key_ever_crosses_contexts(asked: list[tuple[bytes, str, str]]) -> None:
    places, owners, numbers = made(0.5, confidence=0.5), dict[bytes, bytes](), count()
    for context, thing, way in asked:
        found = places.consider(context, way.format(thing))
        assert found.token is not None
        for key in (found.serve, found.explore, *found.token.sight.near):
            assert key is None or owners[key] == context
        if found.explore:
            places.judged(found.token, said(thing), said(thing))
        key = next(numbers).to_bytes(32, "big")
        owners[key] = context
        places.learnt(found.token, key, said(thing))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_forked_child_knows_what_is_written_down_once_and_waits_for_nobody(tmp_path: Path) -> None:
    asker = Asker(made(journal=journal_of(f"sqlite:///{tmp_path}/cache.db")))
    asker.trust(130)
    before = asker.places.totals()
    child = os.fork()
    if child == 0:
        try:
            found = asker.places.consider(b"context", WAYS[0].format("card"))
            after = asker.places.totals()
            same = all(after[name] == before[name] for name in ("questions", "judged", "wrong"))
            os._exit(0 if found.serve is not None and same else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert asker.places.consider(b"context", WAYS[0].format("card")).serve is not None


def test_what_has_no_reply_any_more_is_forgotten() -> None:
    asker = Asker(made())
    asker.trust(130)
    seen = set[bytes]()
    while (found := asker.places.consider(b"context", WAYS[0].format("card"))).serve is not None:
        assert found.serve not in seen
        seen.add(found.serve)
        asker.places.forget(found.serve)
        if found.token is not None and len(seen) > 150:
            break
    assert seen
    assert found.serve is None
    assert asker.places.totals()["questions"] <= 130 - len(seen)


def test_as_many_questions_are_remembered_as_were_asked_for() -> None:
    asker = Asker(made(most=20))
    asker.trust(60)
    other = Asker(asker.places, b"another", numbers=count(10**6))
    other.trust(40)

    assert asker.places.totals()["questions"] == 20


def test_clear_forgets_questions_and_evidence(tmp_path: Path) -> None:
    asker = Asker(made(journal=journal_of(f"sqlite:///{tmp_path}/cache.db")))
    asker.trust(130)
    asker.places.clear()

    assert asker.places.totals() | {"evidence": 0} == {
        "contexts": 0, "questions": 0, "judged": 0, "wrong": 0, "evidence": 0,
    }  # fmt: skip
    again = made(journal=journal_of(f"sqlite:///{tmp_path}/cache.db"))
    again.consider(b"context", "anything")
    assert again.totals()["questions"] == 0


# -- outliving the process


def test_trust_and_questions_outlive_the_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/cache.db?max_size=1MB"
    asker = Asker(made(journal=journal_of(url)))
    asker.trust(130)
    asker.places.close()
    again = made(journal=journal_of(url))

    found = again.consider(b"context", WAYS[0].format("card"))
    assert found.serve is not None
    assert asker.kept[found.serve] == said("so you get your card")
    before, after = asker.places.totals(), again.totals()
    assert after | {"evidence": 0} == before | {"evidence": 0}
    assert after["evidence"] == pytest.approx(before["evidence"], rel=1e-3)
    assert not again.instant


def test_another_process_sees_it_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokeneff.cache.semantic._memoir._EVERY", 0.0)
    url = f"sqlite:///{tmp_path}/cache.db"
    one, other = (Asker(made(journal=journal_of(url)), numbers=count(10**6 * n)) for n in (1, 2))
    assert other.places.consider(b"context", WAYS[0].format("card")).serve is None
    one.trust(130)

    found = other.places.consider(b"context", WAYS[0].format("card"))
    assert found.serve in one.kept
    one.places.forget(found.serve)
    assert other.places.consider(b"context", WAYS[0].format("card")).serve != found.serve
    assert one.places.totals()["judged"] == other.places.totals()["judged"]


def strict(kept: Answer, got: Answer) -> bool:
    return kept == got


def test_evidence_of_another_comparison_or_encoder_is_not_taken(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/cache.db"
    Asker(made(journal=journal_of(url))).trust(130)

    for other in (made(compare=strict, journal=journal_of(url)), dense(letters, journal=journal_of(url))):
        assert other.consider(b"context", WAYS[0].format("card")).serve is None
        assert other.totals()["questions"] == 0


def test_damaged_and_foreign_records_are_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    url = f"sqlite:///{tmp_path}/cache.db"
    asker = Asker(made(journal=journal_of(url)))
    asker.trust(130)
    file = sqlite3.connect(tmp_path / "cache.db-semantic")
    strange = [b"", b"tknr", b"\x00" * 80, Codec().pack(bytes(32), said("x"))]
    strange += [
        Codec().pack(b"tokeneff semantic journal record", Reply("bytes", (), body)) for body in (b"", b"{}", b"[1]")
    ]
    file.executemany("INSERT INTO journal (record) VALUES (?)", [(value,) for value in strange])
    file.execute("UPDATE journal SET record = substr(record, 1, 30) WHERE place % 50 = 0")
    file.commit()
    file.close()

    again = made(journal=journal_of(url))
    again.consider(b"context", WAYS[0].format("card"))
    assert 0 < again.totals()["questions"] <= asker.places.totals()["questions"]


def test_a_journal_that_cannot_be_written_leaves_what_this_process_knows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "folder").write_text("no folder")
    asker = Asker(made(journal=journal_of(f"sqlite:///{tmp_path}/folder/cache.db")))
    asker.trust(130)

    assert asker.served > 0
    assert len([record for record in caplog.records if "what was learnt" in record.message]) == 1


def test_nothing_of_a_question_is_readable_where_there_are_keys(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    from base64 import b64encode

    keys = tuple(b64encode(bytes([n]) * 32).decode() for n in (1, 2))
    url = f"sqlite:///{tmp_path}/cache.db"
    Asker(made(journal=journal_of(url), codec=Codec(keys[:1]))).trust(130)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert b"garden" not in written
    assert made(journal=journal_of(url), codec=Codec(keys[::-1])).consider(b"context", WAYS[0].format("card")).serve
    assert made(journal=journal_of(url)).consider(b"context", WAYS[0].format("card")).explore is None


def test_evidence_gets_old() -> None:
    now = [0.0]
    asker = Asker(made(clock=lambda: now[0], half_life="30d"))
    asker.trust(130)
    assert asker.places.consider(b"context", WAYS[0].format("card")).serve is not None
    now[0] = 400 * DAY
    assert asker.places.consider(b"context", WAYS[0].format("card")).serve is None


def test_stores_in_memory_have_no_journal() -> None:
    assert journal_of(None) is None
    assert journal_of("memory://x") is None
    assert made().instant


# -- encoders


def letters(texts: list[str]) -> list[list[float]]:
    """What the text is about counts for most, as with any good encoder."""
    return [
        [0.1, *[3.0 * (thing in text) for thing in THINGS], *[text.count(letter) / 9 for letter in "acefghi"]]
        for text in texts
    ]


def dense(encoder: Any, **options: Any) -> Neighbourhoods:
    return Neighbourhoods(Semantic(encoder, 0.1, confidence=0.9), coin=lambda: 0.5, **options)


def test_a_callable_encodes() -> None:
    asker = Asker(dense(letters))
    asker.trust(130)

    assert asker.served > 0
    assert asker.false == 0
    assert not asker.places.instant


def test_vectors_outlive_the_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/cache.db"
    Asker(dense(letters, journal=journal_of(url))).trust(130)

    assert dense(letters, journal=journal_of(url)).consider(b"context", WAYS[0].format("card")).serve is not None


def raising(texts: list[str]) -> Any:
    raise OSError("no model today")


@pytest.mark.parametrize(
    "encoder", [raising, lambda texts: [], lambda texts: [[]], lambda texts: [[float("nan")]], lambda texts: [["x"]]]
)
def test_an_encoder_that_fails_leaves_the_call_as_it_was(encoder: Any, caplog: pytest.LogCaptureFixture) -> None:
    places = dense(encoder)

    for _ in range(3):
        assert places.consider(b"context", "anything") == Consideration()
    assert len(caplog.records) == 1


def test_openai_is_asked_with_the_wrapped_client() -> None:
    asked: list[dict[str, Any]] = []

    def create(**options: Any) -> Any:
        asked.append(options)
        return SimpleNamespace(data=[SimpleNamespace(embedding=letters(options["input"])[0])])

    client = SimpleNamespace(embeddings=SimpleNamespace(create=create))
    places = dense("openai:text-embedding-3-small")
    assert places.consider(b"context", "what is this", client).token is not None
    assert asked == [
        {"model": "text-embedding-3-small", "input": ["what is this"], "encoding_format": "float"},
    ]


def test_a_client_that_cannot_embed_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    class AsyncAPIClient:
        embeddings = SimpleNamespace(create=None)

    for client in (None, AsyncAPIClient(), SimpleNamespace()):
        assert dense("openai:m").consider(b"context", "what is this", client) == Consideration()
    assert "Semantic(…, client=tokeneff.wrap(OpenAI()))" in caplog.text


@pytest.mark.parametrize(("name", "module"), [("model2vec:m", "model2vec"), ("st:m", "sentence_transformers")])
def test_models_are_loaded_by_name_when_first_needed(name: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(model: str) -> Any:
        loaded.append(model)
        return SimpleNamespace(encode=letters)

    fake: Any = ModuleType(module)
    fake.SentenceTransformer, fake.StaticModel = load, SimpleNamespace(from_pretrained=load)
    monkeypatch.setitem(sys.modules, module, fake)
    places = dense(name)
    assert loaded == []
    for _ in range(2):
        assert places.consider(b"context", "what is this").token is not None
    assert loaded == ["m"]


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [("model2vec:m", "model2vec", "model2vec"), ("st:m", "sentence_transformers", "sentence-transformers")],
)
def test_a_missing_extra_names_itself(
    name: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    assert dense(name).consider(b"context", "what is this") == Consideration()
    assert f"pip install 'tokeneff[{extra}]'" in caplog.text


VECTORS = st.lists(st.integers(-5, 5), min_size=4, max_size=4).filter(any)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), VECTORS), max_size=80), VECTORS)
def test_with_and_without_numpy_the_same_is_near(steps: list[tuple[bool, list[int]]], asked: list[int]) -> None:
    pytest.importorskip("numpy")
    with_numpy, without = Dense(), Dense()
    without._numpy = None
    alive: list[int] = []
    for number, (removes, vector) in enumerate(steps):
        if removes and alive:
            gone = alive.pop(len(alive) // 2)
            with_numpy.remove(gone)
            without.remove(gone)
            continue
        alive.append(number)
        length = sum(value * value for value in vector) ** 0.5
        for dense_ in (with_numpy, without):
            dense_.add(number, [value / length for value in vector])
    found, plain = ({n: like for like, n in one.nearest(asked, 1000)} for one in (with_numpy, without))
    assert found.keys() == plain.keys() == set(alive)
    assert found == pytest.approx(plain, abs=1e-4)


# -- the value


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"encoder": "word2vec"}, "word2vec"),
        ({"encoder": "openai:"}, "openai:"),
        ({"encoder": 5}, "int"),
        ({"max_false_hits": 0}, "max_false_hits=0"),
        ({"max_false_hits": 1.5}, "max_false_hits=1.5"),
        ({"max_false_hits": True}, "bool"),
        ({"confidence": 1.0}, "confidence=1.0"),
        ({"explore": 0}, "explore=0"),
        ({"compare": "equal"}, "compare="),
        ({"most": 0}, "most=0"),
        ({"half_life": "soon"}, "half_life"),
    ],
)
def test_what_makes_no_sense_is_said(options: dict[str, Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        Semantic(**options)


def test_a_value_of_the_public_name() -> None:
    assert tokeneff.cache.Semantic("lexical", 0.02) == Semantic("lexical", max_false_hits=0.02)
    assert Semantic().max_false_hits == 0.01


def test_a_comparison_of_the_users_own_judges() -> None:
    seen: list[tuple[Answer, Answer]] = []

    def compare(kept: Answer, got: Answer) -> bool:
        seen.append((kept, got))
        return True

    asker = Asker(made(compare=compare))
    rng = random.Random(2)
    for number in range(150):
        asker.ask(rng.choice(WAYS).format(rng.choice(THINGS)), f"words that are never the same, {number}")
    assert asker.served > 0
    assert seen[0][0].text.startswith("words that are never the same")


def test_a_comparison_that_fails_is_no_evidence(caplog: pytest.LogCaptureFixture) -> None:
    def compare(kept: Answer, got: Answer) -> bool:
        raise RuntimeError("the judge is out")

    asker = Asker(made(compare=compare))
    asker.trust(100)
    assert (asker.served, asker.places.totals()["judged"], len(caplog.records)) == (0, 0, 1)


def test_a_fleet_shares_a_journal_in_redis(servers_by_kind: Callable[[str], Any]) -> None:
    pytest.importorskip("redis")
    if not kinds():
        pytest.skip("no redis-server and no valkey-server here: .ci/redis installs one")
    url = servers_by_kind(kinds()[0]).url("redis") + "?max_size=1MB"
    asker = Asker(made(journal=journal_of(url)))
    asker.trust(130)
    other = made(journal=journal_of(url))

    assert other.consider(b"context", WAYS[0].format("card")).serve in asker.kept
    assert other.totals() | {"evidence": 0} == asker.places.totals() | {"evidence": 0}
    other.clear()
    again = made(journal=journal_of(url))
    assert again.consider(b"context", WAYS[0].format("card")).explore is None
    assert again.totals()["questions"] == again.totals()["judged"] == 0
