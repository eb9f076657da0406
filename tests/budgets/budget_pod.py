"""One of several processes whose clients have one budget in one store.

``python budget_pod.py PROVIDER STORE CALLS``; says "ready", waits for a line, and prints how many calls passed.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from openai import OpenAI

import tokeneff
from tokeneff._settings import settings_of

LIMIT = 25
"""Requests of a user."""
USERS = ("known", "unknown")


def main(provider: str, store: str, calls: int) -> None:
    client = tokeneff.wrap(
        OpenAI(base_url=provider, api_key="k", max_retries=0),
        budget=[tokeneff.Budget(usd=10, per="month"), tokeneff.Budget(requests=LIMIT, by="user")],
        store=store,
    )

    # On a busy machine a store may well take longer than its patience, and calls would go on without it.
    for place in (guarded := settings_of(client).guards._place.store, guarded.store):
        place.patience = 60.0

    def one(number: int) -> int:
        try:
            with tokeneff.tag(user=USERS[number % 2]):
                client.chat.completions.create(
                    model="gpt-4.1-mini", messages=[{"role": "user", "content": "Hi"}], max_tokens=50
                )
        except tokeneff.BudgetExceeded:
            return 0
        return 1

    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(4) as threads:
        print(sum(threads.map(one, range(calls))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
