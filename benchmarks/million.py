"""A ledger of a million made-up calls, the same each time, to measure reports by.

    python benchmarks/million.py million.db [ROWS]

A few thousand calls are written as a wrapped client's would be; the rest repeat them at other times, in other sessions
and with other ids, which is done by SQL, for the ledger's own way of writing is measured elsewhere.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from random import Random

from tokeneff.ledger import CallRecord, Ledger
from tokeneff.ledger._blocks import seal_file

SHAPES = 4_000
CALLS_PER_SESSION = 25
DAYS = 90
END = 1_764_547_200_000_000
"""2025-12-01, in microseconds."""
# Model, provider, host, nano-dollars per token: input, cached input, output.
MODELS = (
    ("gpt-4.1-mini-2025-04-14", "openai", "api.openai.com", 400, 100, 1_600),
    ("gpt-4.1-2025-04-14", "openai", "api.openai.com", 2_000, 500, 8_000),
    ("gpt-5-2025-08-07", "openai", "api.openai.com", 1_250, 125, 10_000),
    ("claude-sonnet-4-5-20250929", "anthropic", "api.anthropic.com", 3_000, 300, 15_000),
    ("claude-haiku-4-5-20251001", "anthropic", "api.anthropic.com", 1_000, 100, 5_000),
    ("gemini-2.5-pro", "gcp.gemini", "generativelanguage.googleapis.com", 1_250, 310, 10_000),
    ("llama-3.3-70b", "openai", "localhost:8000", None, None, None),
)
FEATURES = ("search", "summarise", "triage", "support", "nightly", "extract")
TOOLS = tuple((f"tool_{index:02}", 90 + 17 * index) for index in range(24))
CAUSES = ("none", "none", "none", "first", "system_changed", "tools_changed", "expired", "edited", "missed")


def build(path: Path, rows: int = 1_000_000) -> float:
    """Make the ledger; returns the seconds that it took.

    Args:
        path: a file that is not there yet.
    """
    began = time.perf_counter()
    with Ledger(f"sqlite:///{path.absolute()}") as ledger:
        ledger.write(shapes(min(rows, SHAPES)))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -200000")
        connection.execute("BEGIN IMMEDIATE")
        _repeat(connection, rows)
        connection.execute("COMMIT")
    seal_file(path.absolute())  # as writers do it after every 8,192 calls
    return time.perf_counter() - began


def shapes(count: int) -> Iterator[CallRecord]:
    """Calls that are all different."""
    random = Random(7)
    for number in range(count):
        yield shape(random, number)


def shape(random: Random, number: int) -> CallRecord:
    """One made-up call whose parts sum up."""
    model, provider, host, *prices = random.choice(MODELS)
    failed, stream = random.random() < 0.02, random.random() < 0.6
    tools = TOOLS[: random.choice((0, 0, 6, 24))]
    parts = [
        random.randrange(200, 4_000),
        sum(tokens for _, tokens in tools),
        random.randrange(3_000),
        random.randrange(9_000),
        random.randrange(20_000) if tools else 0,
        random.choice((0, 0, 0, 1_500)),
        random.randrange(10, 900),
    ]
    out = [random.randrange(20, 900), random.choice((0, 0, 400)), random.randrange(120) if tools else 0]
    total, output, cause = sum(parts), sum(out), random.choice(CAUSES)
    read = 0 if cause not in ("none", "edited") else int(total * random.uniform(0.2, 0.9)) // 128 * 128
    rates = [price or 0 for price in prices]
    costs = [(total - read) * rates[0], read * rates[1], 0, output * rates[2]]
    known = prices[0] is not None and not failed
    duration = random.randrange(300_000, 30_000_000)
    return CallRecord(
        call_id=_digest("call", number),
        time=END - random.randrange(DAYS * 86_400) * 1_000_000,
        duration=duration,
        first_chunk=duration // random.randrange(3, 20) if stream else None,
        sdk="anthropic" if provider == "anthropic" else "openai",
        provider=provider,
        endpoint=host,
        request_model=model[:-11] if model[-4:].isdigit() else model,
        model=model,
        service_tier="default" if provider == "openai" else "",
        session=f"session-{number // CALLS_PER_SESSION}",
        response_id=f"resp_{_digest('response', number)[:24]}",
        stream=stream,
        ending="failed" if failed else "read" if random.random() < 0.98 else "broken_off",
        error="rate_limit_exceeded" if failed else "",
        status=429 if failed else 200,
        finish="" if failed else "tool_calls" if out[2] else "stop",
        retries=random.choice((0,) * 20 + (1, 2)),
        chunks=output // 2 if stream else 0,
        usage_source="unknown" if failed else "provider",
        input_tokens=None if failed else total,
        output_tokens=None if failed else output,
        cache_read=None if failed else read,
        cache_write=None if failed else 0,
        reasoning=None if failed else out[1],
        **dict(zip(_IN, parts, strict=True)),
        **({} if failed else dict(zip(_OUT, out, strict=True))),
        counted=int(total * random.uniform(0.97, 1.03)),
        expected_error=0.02,
        scale=1.01,
        encoding="o200k_base",
        cost=sum(costs) if known else None,
        **(dict(zip(_COSTS, costs, strict=True)) if known else {}),
        price_source="genai-prices" if known else "unknown",
        price_version="0.2.3" if known else "",
        price_confidence="listed" if known else "unknown",
        prefix_repeated=0 if cause == "first" else int(total * 0.8),
        prefix_cause=cause,
        prefix_part={"system_changed": "system", "tools_changed": "tools", "edited": "messages"}.get(cause, ""),
        prefix_position=0 if cause.endswith("changed") else None,
        prefix_detail="system prompt differs at line 3: a timestamp" if cause == "system_changed" else "",
        prefix_lost=0 if cause in ("none", "first") else total // 2,
        prefix_cost=total // 2 * (rates[0] - rates[1]) if known and cause not in ("none", "first") else None,
        stale_tokens=parts[4] // 3,
        toolset=_digest("tools", len(tools)) if tools else "",
        tools=tools,
        called=("tool_01",) if out[2] else (),
        request_hash=_digest("request", number),
        system_hash=_digest("system", number % 12),
        tags=(("feature", random.choice(FEATURES)), ("user", f"user-{random.randrange(300)}")),
    )


_IN = ("in_system", "in_tools", "in_user_history", "in_assistant_history", "in_tool_results", "in_attached", "in_user")
_OUT = ("out_text", "out_reasoning", "out_tool_calls")
_COSTS = ("cost_input", "cost_cache_read", "cost_cache_write", "cost_output")


def _repeat(connection: sqlite3.Connection, rows: int) -> None:
    shapes = connection.execute("SELECT max(id) FROM facts").fetchone()[0]
    sessions = [
        connection.execute("INSERT INTO texts (text) VALUES (?)", (f"more-{number}",)).lastrowid
        for number in range(max(0, rows - shapes) // CALLS_PER_SESSION + 1)
    ]
    for table, changed in (("facts", _fact), ("details", _detail)):
        names = [column[1] for column in connection.execute(f"PRAGMA table_info({table})")]
        models = connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
        places = ", ".join("?" * len(names))
        connection.executemany(
            f"INSERT INTO {table} VALUES ({places})",
            (
                changed(list(models[number % shapes]), names, number, sessions[(number - shapes) // CALLS_PER_SESSION])
                for number in range(shapes, rows)
            ),
        )


def _fact(row: list[object], names: list[str], number: int, session: int | None) -> list[object]:
    row[0] = number + 1
    row[1] = END - (DAYS * 86_400_000_000 * (1_000_000 - number % 1_000_000)) // 1_000_000
    row[names.index("session_id")] = session
    # One in fifty asks what has been asked before.
    row[-1] = bytes.fromhex(_digest("request", number if number % 50 else number // 1000))
    return row


def _detail(row: list[object], names: list[str], number: int, session: int | None) -> list[object]:
    row[0] = number + 1
    row[1] = number.to_bytes(6, "big") + b"call-id..."
    row[2] = f"resp_{number:024x}"
    return row


def _digest(kind: str, number: int) -> str:
    return blake2b(f"{kind} {number}".encode(), digest_size=16).hexdigest()


def main() -> int:
    """Make the file that the command line names."""
    path, rows = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    if path.exists():
        print(f"{path} is there already")
        return 1
    took = build(path, rows)
    print(f"{rows:,} calls in {took:.1f} s, {path.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
