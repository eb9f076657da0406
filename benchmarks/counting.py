"""How near the counts made before sending are to the providers' own, and what counting costs.

    python benchmarks/counting.py [FOLDER]

FOLDER holds trace files with usage, as ``tokeneff replay`` reads them (default: ../shared/data/traces by the checkout).
Each call of a file is foretold, then its own count is learnt from, in the order of the file: ``before`` is what a
counter that has learnt nothing says, ``after`` one that has learnt from the calls before, ``rest`` the same without
each conversation's first call. Of a recording that leaves out the system prompt and the tools that every call sent,
no counter can know the first. Costs are CPU time of this thread.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tokeneff.tokens import Counter
from tokeneff.tokens._vocabulary import Vocabularies
from tokeneff.traces import BrokenLine, read

DEFAULT = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "traces"
WORDS = "The quick brown fox jumps over the lazy dog and runs to see what else there is in the garden. "


def main() -> int:
    """Print the errors of each file, by each way of counting that is at hand, and the costs."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    exact = Counter()
    loaded = exact.await_vocabulary("gpt-4o", 120)
    if not loaded:
        print("no vocabulary could be loaded (pip install tokeneff[offline]): estimates only")
    makers: list[Callable[[], Counter]] = [lambda: Counter(Vocabularies(_none)), *([Counter] if loaded else [])]
    if folder.is_dir():
        errors(folder, makers)
    else:
        print(f"no folder {folder}: nothing to compare with")
    costs(makers[-1])
    blow_up(makers[-1]())
    return 0


def _none(name: str) -> Any:
    raise FileNotFoundError(name)


def errors(folder: Path, makers: Sequence[Callable[[], Counter]]) -> None:
    """How far from the providers' counts, before and after learning."""
    print(f"{'file':28} {'counted by':11} {'calls':>5}   {'before':>13}   {'after':>13}   {'rest':>13}   within stated")
    print(f"{'':46}   {'median   90 %':>13}   {'median   90 %':>13}   {'median   90 %':>13}")
    for path in sorted(folder.glob("*.jsonl")):
        for make in makers:
            found = file_errors(path, make)
            if found is not None:
                print(f"{path.name:28} {found}")


def file_errors(path: Path, make: Callable[[], Counter]) -> str | None:
    """One line of the table, or ``None`` for a file without usage."""
    naive, counter = make(), make()
    before: list[float] = []
    after: list[float] = []
    rest: list[float] = []
    within = 0
    encoding = ""
    for item in read(path):
        known = False
        for call in () if isinstance(item, BrokenLine) else item.calls:
            true = call.usage.input_tokens if call.usage is not None else 0
            if not true:
                continue
            dialect = "messages" if call.dialect == "anthropic" else "chat"
            prompt = counter.prompt(dialect, call.request, call.model)
            encoding = prompt.encoding
            before.append(abs(naive.expected(prompt, call.model, "recorded")[0] / true - 1))
            expected, stated = counter.expected(prompt, call.model, "recorded")
            counter.learn(prompt, call.model, "recorded", true)
            after.append(abs(expected / true - 1))
            within += abs(expected - true) <= stated * expected
            if known:
                rest.append(after[-1])
            known = True
    if not rest:
        return None
    columns = "   ".join(f"{statistics.median(column):6.2%} {tenth(column):6.2%}" for column in (before, after, rest))
    return f"{encoding:11} {len(after):5}   {columns}   {within / len(after):6.1%}"


def tenth(values: Sequence[float]) -> float:
    """What nine of ten values are below."""
    return sorted(values)[int(0.9 * (len(values) - 1))]


def history(turns: int, form: str) -> list[Any]:
    """A conversation of about 100,000 tokens in 200 messages."""
    said = WORDS * 24
    if form == "plain":
        roles = ("user", "assistant")
        return [{"role": roles[n % 2], "content": f"{n} {said}"} for n in range(turns)]
    messages: list[Any] = []
    for n in range(turns // 2):
        result = {"type": "tool_result", "tool_use_id": f"t{n}", "content": f"{n} {said * 2}"}
        call = {"type": "tool_use", "id": f"t{n}", "name": "look", "input": {"path": f"file{n}.py", "limit": n}}
        messages += [{"role": "user", "content": [result]}, {"role": "assistant", "content": [call]}]
    return messages


def tools(form: str) -> list[Any]:
    """Twenty tools."""
    schema = {
        "type": "object",
        "properties": {f"p{n}": {"type": "string", "description": "What it is, in words."} for n in range(5)},
    }
    said = "Does a thing that is described here at some length. "
    if form == "plain":
        made = [{"name": f"tool_{n}", "description": said * 3, "parameters": schema} for n in range(20)]
        return [{"type": "function", "function": function} for function in made]
    return [{"name": f"tool_{n}", "description": said * 3, "input_schema": schema} for n in range(20)]


def costs(make: Callable[[], Counter]) -> None:
    """What counting a long history costs at first, and at the next turn."""
    heads = ("tokens", "first", "again", "from JSON", "turn n+1", "ratio")
    print(f"\n{'200 messages, 20 tools':28}" + "".join(f"{head:>10}" for head in heads))
    for name, dialect, model in (("plain", "chat", "gpt-4o"), ("agent", "messages", "claude-sonnet-4-5")):
        counter = make()
        counter.await_vocabulary(model, 120)
        body = {"model": model, "messages": history(200, name), "tools": tools(name)}
        first, prompt = timed(lambda: counter.prompt(dialect, body, model))  # noqa: B023
        again = min(timed(lambda: counter.prompt(dialect, body, model))[0] for _ in range(50))  # noqa: B023
        texts = [json.loads(json.dumps(body)) for _ in range(10)]
        rebuilt = min(timed(lambda: counter.prompt(dialect, text, model))[0] for text in texts)  # noqa: B023
        new: list[float] = []
        for turn in range(20):
            last = [{"role": "assistant", "content": f"Done {turn}."}, {"role": "user", "content": f"{turn} {WORDS}"}]
            body["messages"] = [*body["messages"], *last]
            new.append(timed(lambda: counter.prompt(dialect, body, model))[0])  # noqa: B023
        turn_ = statistics.median(new)
        figures = [f"{prompt.tokens:,}", f"{first * 1e3:.1f} ms"]
        figures += [f"{taken * 1e6:.0f} µs" for taken in (again, rebuilt, turn_)]
        print(
            f"{dialect + ', ' + prompt.encoding:28}"
            + "".join(f"{figure:>10}" for figure in (*figures, f"{turn_ / first:.4f}"))
        )
    counter = make()
    counter.await_vocabulary("gpt-4o", 120)
    for said in ("the same", "new"):
        spent: dict[str, list[float]] = {"prompt": [], "expected": [], "learn": []}
        for n in range(400):
            text = "Say hello." if said == "the same" else f"Say hello to {n}."
            body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}
            taken, prompt = timed(lambda: counter.prompt("chat", body, "gpt-4o"))  # noqa: B023
            spent["prompt"].append(taken)
            spent["expected"].append(timed(lambda: counter.expected(prompt, "gpt-4o", "openai"))[0])  # noqa: B023
            spent["learn"].append(timed(lambda: counter.learn(prompt, "gpt-4o", "openai", 11))[0])  # noqa: B023
        middle = ", ".join(f"{name} {statistics.median(times) * 1e6:.1f} µs" for name, times in spent.items())
        print(f"{'one message, ' + said:28} {middle}")


def blow_up(counter: Counter) -> None:
    """Whether input made to blow up a tokenizer costs what its size is."""
    counter.await_vocabulary("gpt-4o", 120)
    print(f"\n{'1 MB of':12} {'tokens':>9} {'time':>9} {'time of 4 MB':>13} {'ratio':>6}")
    kinds = {
        "a": "a",
        "blanks": " ",
        "tabs": "\t",
        "line ends": "\n",
        "emoji": "🎉",
        "digits": "7",
        "surrogates": "\ud800",
    }
    for name, letter in kinds.items():
        one, tokens = timed(lambda: counter.text(letter * 1_000_000, "gpt-4o"))  # noqa: B023
        four = timed(lambda: counter.text(letter * 4_000_000, "gpt-4o"))[0]  # noqa: B023
        print(f"{name:12} {tokens:9,} {one * 1e3:6.0f} ms {four * 1e3:10.0f} ms {four / one:6.1f}")


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of this thread's CPU, and what came of it."""
    begun = time.thread_time()
    found = work()
    return time.thread_time() - begun, found


if __name__ == "__main__":
    sys.exit(main())
