"""A process that makes calls within a budget in a file, and may be killed at one point of one of them.

``python budget_worker.py PROVIDER STORE CALLS POINT``; prints, for each call that was answered, what its usage was.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Any

from openai import OpenAI

import tokeneff
from tokeneff.budgets import Budget, _holding
from tokeneff.errors import BudgetExceeded

NAMES = ("after reserve", "while sending", "mid-stream", "before settle", "in settle", "after settle")
LIMIT = 20_000
MODEL = "gpt-4.1-mini"
CHUNKS = 300
STREAMED = "stream"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def arm(point: str, call: int) -> None:
    """Have this process be killed at ``point`` of its call of this number."""
    holding = _holding.Holding
    reserve, settle = holding.reserve, holding.settle
    calls = [0, 0]

    def reserving(self: Any, amounts: Any) -> Any:
        answer = reserve(self, amounts)
        calls[0] += 1
        if calls[0] == call and point == "after reserve":
            die()
        if calls[0] == call and point == "while sending":
            threading.Timer(0.3, die).start()
        return answer

    def settling(self: Any, amounts: Any, note: str = "") -> Any:
        calls[1] += 1
        if calls[1] == call and point == "before settle":
            die()
        if calls[1] == call and point == "in settle":
            _half()
        answer = settle(self, amounts, note)
        if calls[1] == call and point == "after settle":
            die()
        return answer

    holding.reserve, holding.settle = reserving, settling  # type: ignore[method-assign]


def _half() -> None:
    """Killed when the rows of the step are written, and not yet committed."""
    from tokeneff.stores import _sqlite_rows as rows

    end = rows.end

    def dying(*arguments: Any) -> None:
        end(*arguments)
        die()

    rows.end = dying


def main(provider: str, store: str, calls: int, point: str) -> None:
    if point:
        arm(point, 2)
    client = tokeneff.wrap(
        OpenAI(base_url=provider, api_key="k", max_retries=0), budget=Budget(tokens=LIMIT), store=store
    )
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(1, calls + 1):
        slow = point == "while sending" and number == 2
        content = "slow" if slow else STREAMED if point == "mid-stream" else "hello"
        asked: Any = {"model": MODEL, "messages": [{"role": "user", "content": content}]}
        try:
            if content != STREAMED:
                reply = client.chat.completions.create(**asked, max_tokens=200)
                print("used", reply.usage.total_tokens, flush=True)
                continue
            for at, _ in enumerate(client.chat.completions.create(**asked, max_tokens=2000, stream=True)):
                if number == 2 and at == CHUNKS:
                    print("seen", at, flush=True)
                    die()
            print("used", 0, flush=True)
        except BudgetExceeded:
            print("refused", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
