"""How many questions a semantic cache answers, and how many of them wrongly, beside plain thresholds.

    python benchmarks/semantic.py [FOLDER] [--seeds 3] [--bounds 0.01,0.02,0.05] [--halves]

FOLDER has the traces (default: TOKENEFF_TRACES, or ../shared/data/traces by the checkout). Each stream is asked in a
random order, by seed: first come, first kept. All run with the same encoder, tokeneff's own "lexical", offline.

* ``banking77``, ``clinc150``: people's questions, labelled with what they want. A hit is right if the question that it
  is answered by has the same label, and false otherwise (out-of-scope questions of clinc150 have each their own). The
  labels are as they were published, with their errors: some questions that are word for word the same have two.
* ``twins``: a third of each of these streams, and of gsm8k, each question followed later by twins made by rule, which
  it must not answer: a number changed, in digits or words, the negation put in or taken out, a word put for its
  opposite, two sides of "from … to …" changed, another name. And by copies that it may answer: another case, no
  punctuation, contractions written out, "please". Where another question answers a twin, the label decides.

What is printed: hits, with their share of all questions; false hits, with their share of the hits and its 95 % interval
(Clopper and Pearson, 1934); twins served; and for tokeneff the candidates that were sent and compared instead, which
is its cost against a threshold: before the first hit, and after it (``explore``).

Others, as thresholds on the same encoder: GPTCache's (the last message alone, likeness of at least 0.8), redisvl's
(distance of at most 0.1). They keep every question that they did not answer, as they do.

``--halves``: each file's labels and problems in two halves; what was chosen on one is seen on the other.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path

from tokeneff.cache import Reply
from tokeneff.cache.semantic import Neighbourhoods, Semantic
from tokeneff.cache.semantic._lexical import Lexical

DEFAULT = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "traces"


@dataclass(frozen=True)
class Asked:
    """One question of a stream: its label, the question that it was made from, and which kind of twin it is of that."""

    text: str
    label: str
    origin: str = ""
    twin: str = ""

    @property
    def answer(self) -> str:
        """What a provider answers."""
        return f"{self.label} / {self.text}" if self.twin else self.label

    def wrongly(self, kept: Asked) -> bool:
        """Whether the answer to ``kept`` is the wrong one."""
        return kept.answer != self.answer and (kept.label != self.label or kept.origin == self.origin)


@dataclass
class Tally:
    """What one cache did with one stream."""

    asked: int = 0
    hits: int = 0
    false: int = 0
    twins: dict[str, int] = field(default_factory=dict)
    before: int = 0
    after: int = 0
    judged: int = 0

    def hit(self, question: Asked, kept: Asked) -> None:
        self.hits += 1
        if question.wrongly(kept):
            self.false += 1
            if question.origin == kept.origin:
                kind = question.twin or kept.twin
                self.twins[kind] = self.twins.get(kind, 0) + 1

    def add(self, other: Tally) -> None:
        for name in ("asked", "hits", "false", "before", "after", "judged"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for kind, count in other.twins.items():
            self.twins[kind] = self.twins.get(kind, 0) + count


# -- the caches


def verified(bound: float, stream: Sequence[Asked], seed: int) -> Tally:
    """Tokeneff's, with a bound."""
    places = Neighbourhoods(Semantic("lexical", bound), coin=random.Random(seed).random)
    kept: dict[bytes, tuple[Reply, Asked]] = {}
    tally = Tally(len(stream))
    for number, question in enumerate(stream):
        found = places.consider(b"one context", question.text)
        if found.serve is not None:
            tally.hit(question, kept[found.serve][1])
            continue
        key = number.to_bytes(32, "big")
        reply = replied(question.answer)
        if found.token is None:
            raise SystemExit("a question could not be considered")
        if found.explore is not None:
            places.judged(found.token, kept[found.explore][0], reply)
            tally.judged += 1
            if found.token.admitted:
                tally.after += tally.hits > 0
                tally.before += tally.hits == 0
        places.learnt(found.token, key, reply)
        kept[key] = reply, question
    return tally


def threshold(stream: Sequence[Asked], least: float) -> Tally:
    """Whatever is likest, if it is like enough."""
    index, tally = Lexical(), Tally(len(stream))
    for number, question in enumerate(stream):
        found = index.nearest(question.text, 1)
        if found and found[0][0] >= least:
            tally.hit(question, stream[found[0][1]])
        else:
            index.add(number, question.text)
    return tally


def replied(answer: str) -> Reply:
    """A chat completion that says so."""
    message = {"role": "assistant", "content": answer}
    return Reply("json", (), json.dumps({"choices": [{"index": 0, "message": message}]}).encode())


# -- the streams


def labelled(folder: Path, name: str) -> list[Asked]:
    """Questions with labels."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["intent"]) for row in csv.DictReader(file)]
    return [
        Asked(text, f"{label} {number}" if label == "oos" else label, f"{name} {number}")
        for number, (text, label) in enumerate(rows)
    ]


def problems(folder: Path) -> list[Asked]:
    """Word problems; the answer to each is its own."""
    lines = (folder / "gsm8k_test.jsonl").read_text("utf-8").splitlines()
    return [Asked(json.loads(line)["question"], f"problem {number}", str(number)) for number, line in enumerate(lines)]


def half(questions: Iterable[Asked], which: int) -> list[Asked]:
    """Those with about half of the answers, the same half each time."""
    return [one for one in questions if blake2b(one.label.encode()).digest()[0] % 2 == which]


def twinned(questions: Sequence[Asked], seed: int) -> list[Asked]:
    """A third of the questions, with twins and copies of each later in the stream."""
    rng = random.Random(seed)
    chosen = rng.sample(list(questions), len(questions) // 3)
    placed = [(rng.random() * 0.5, one) for one in chosen]
    for at, one in list(placed):
        made = [replace(one, text=text, twin=kind) for kind, text in twins(one.text, rng)]
        made += [replace(one, text=text) for text in copies(one.text, rng)]
        placed += [(at + (1 - at) * rng.random(), another) for another in made]
    placed.sort(key=lambda pair: pair[0])
    return [one for _, one in placed]


def twins(text: str, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Questions nearly like this one, that ask for something else."""
    for kind, make in TWINS:
        made = make(text, rng)
        if made is not None and made != text:
            yield kind, made


def _number(text: str, rng: random.Random) -> str | None:
    found = list(re.finditer(r"(?<![\w.])\d+(?![\w.]|,\d)", text))
    if not found:
        return None
    one = rng.choice(found)
    value = int(one.group()) + rng.choice((-3, -2, -1, 1, 2, 3, 10))
    return text[: one.start()] + str(value if value > 0 else int(one.group()) + 1) + text[one.end() :]


def _number_word(text: str, rng: random.Random) -> str | None:
    words = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    found = list(re.finditer(rf"\b({'|'.join(words)})\b", text))
    if not found:
        return None
    one = rng.choice(found)
    return text[: one.start()] + rng.choice([word for word in words if word != one.group()]) + text[one.end() :]


_AUXILIARY = r"(is|are|was|were|do|does|did|can|could|will|would|should|has|have|had|may|must)"


def _negation(text: str, rng: random.Random) -> str | None:
    taken = re.sub(rf"\b{_AUXILIARY}(?:n't| not)\b", r"\1", text, count=1, flags=re.I)
    if taken != text:
        return taken
    taken = re.sub(r"\b(?:can't|cannot)\b", "can", text, count=1, flags=re.I)
    if taken != text:
        return taken
    short = rng.random() < 0.5
    pattern = rf"\b{_AUXILIARY}\b(?=\s+\w)" if short else rf"\b{_AUXILIARY}(\s+\w+)\b(?=\s+\w)"
    made = "\\1n't" if short else "\\1\\2 not"
    return re.sub(pattern, made, text, count=1, flags=re.I)


def _opposite(text: str, rng: random.Random) -> str | None:
    pairs = (
        "increase decrease,enable disable,before after,more less,buy sell,open close,add remove,start stop,"
        "send receive,deposit withdraw,lock unlock,activate deactivate,up down,on off,first last,with without,"
        "highest lowest,old new"
    )
    both = [tuple(pair.split()) for pair in pairs.split(",")]
    swaps = {one: other for pair in both for one, other in (pair, pair[::-1])}
    found = [one for one in re.finditer(r"\b[a-z]+\b", text) if one.group() in swaps]
    if not found:
        return None
    one = rng.choice(found)
    return text[: one.start()] + swaps[one.group()] + text[one.end() :]


def _direction(text: str, rng: random.Random) -> str | None:
    made = re.sub(r"\bfrom (\w+(?: \w+)?) (in)?to (\w+)\b", r"from \3 \2to \1", text, count=1)
    return made if made != text else re.sub(r"\b(\w{3,}) to (\w{3,}) (rate|exchange)\b", r"\2 to \1 \3", text, count=1)


def _name(text: str, rng: random.Random) -> str | None:
    found = list(re.finditer(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b", text))
    if not found:
        return None
    one = rng.choice(found)
    return text.replace(one.group(), rng.choice([name for name in ("Maria", "Oslo", "Tom") if name != one.group()]))


TWINS: tuple[tuple[str, Callable[[str, random.Random], str | None]], ...] = (
    ("number", _number),
    ("number word", _number_word),
    ("negation", _negation),
    ("opposite", _opposite),
    ("direction", _direction),
    ("name", _name),
)


def copies(text: str, rng: random.Random) -> list[str]:
    """The same question, written otherwise."""
    made = [text.lower(), re.sub(r"[?!.]+(?=\s|$)", "", text), text.replace("n't", " not"), f"Please: {text}"]
    return rng.sample(made, 2)


# -- the figures


def interval(count: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Of a share (Clopper and Pearson, "The use of confidence or fiducial limits …", Biometrika 26, 1934)."""
    tail = (1 - confidence) / 2
    low = 0.0 if not count else _root(lambda rate: 1 - _below(count - 1, total, rate) - tail)
    high = 1.0 if count == total else _root(lambda rate: tail - _below(count, total, rate))
    return low, high


def _below(count: int, total: int, rate: float) -> float:
    """The probability of at most ``count`` of ``total``."""
    if rate <= 0 or rate >= 1:
        return float(rate <= 0)
    terms = [
        math.exp(
            math.lgamma(total + 1)
            - math.lgamma(one + 1)
            - math.lgamma(total - one + 1)
            + one * math.log(rate)
            + (total - one) * math.log1p(-rate)
        )
        for one in range(count + 1)
    ]
    return min(1.0, math.fsum(terms))


def _root(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def line(name: str, tally: Tally) -> str:
    """One row."""
    share = f"{tally.hits:6d} {tally.hits / max(1, tally.asked):6.1%}"
    wrong = (
        ""
        if not tally.hits
        else "{:5d} {:6.2%}  [{:6.2%}, {:6.2%}]".format(
            tally.false, tally.false / tally.hits, *interval(tally.false, tally.hits)
        )
    )
    twin = f"{sum(tally.twins.values()):5d}" + (f"  {told(tally.twins)}" if tally.twins else "")
    cost = f"{tally.before:5d} {tally.after:4d}" if tally.judged else f"{'':10}"
    return f"  {name:22} {share}   {wrong:32} {cost}  {twin}"


def told(counts: dict[str, int]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))


HEAD = f"  {'':22} {'hits':>6} {'':>6}   {'false hits':13}  {'95 %':>16} {'sent':>11}  twins served"


def compare(name: str, streams: Sequence[Sequence[Asked]], bounds: Sequence[float]) -> None:
    """All caches on the streams of one kind, one for each seed; each seed's, and all together."""
    print(f"\n{name}: {len(streams[0])} questions, {len(streams)} orders")
    print(HEAD)
    rows: list[tuple[str, Callable[[Sequence[Asked], int], Tally]]] = [
        ("GPTCache-style 0.8", lambda stream, _: threshold(stream, 0.8)),
        ("redisvl-style 0.1", lambda stream, _: threshold(stream, 0.9)),
    ]
    rows += [(f"tokeneff {bound:g}", partial(verified, bound)) for bound in bounds]
    for label, run in rows:
        total, each = Tally(), []
        for seed, stream in enumerate(streams):
            found = run(stream, seed)
            total.add(found)
            each.append(f"{found.false}/{found.hits}")
        print(line(label, total) + f"   by order: {' '.join(each)}", flush=True)


def shuffled(questions: Sequence[Asked], seeds: int) -> list[list[Asked]]:
    return [random.Random(seed).sample(list(questions), len(questions)) for seed in range(seeds)]


def main() -> int:
    """Print it all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=os.environ.get("TOKENEFF_TRACES", DEFAULT), type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--bounds", default="0.01,0.02,0.05")
    parser.add_argument("--halves", action="store_true")
    asked = parser.parse_args()
    folder: Path = asked.folder
    if not folder.is_dir():
        print(f"no folder {folder}: nothing to compare with")
        return 0
    bounds = [float(bound) for bound in asked.bounds.split(",")]
    began = time.process_time()
    files = {name: labelled(folder, name) for name in ("banking77", "clinc150")}
    files["gsm8k"] = problems(folder)
    for which in (0, 1) if asked.halves else (None,):
        part = "" if which is None else f", half {which + 1}"
        chosen = {name: all_ if which is None else half(all_, which) for name, all_ in files.items()}
        for name in ("banking77", "clinc150"):
            compare(name + part, shuffled(chosen[name], asked.seeds), bounds)
        for name, questions in chosen.items():
            streams = [twinned(questions, seed) for seed in range(asked.seeds)]
            compare(f"twins of {name}{part}", streams, bounds)
    print(f"\n{time.process_time() - began:.0f} s of CPU time")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
