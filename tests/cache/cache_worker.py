"""A process of its own whose threads ask the same at once: `cache_worker.py PROVIDER STORE THREADS [LEASE]`.

It says "ready", begins at a line of input, and prints what the cache did about each call.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from cache_lab import CHAT
from openai import DefaultHttpxClient, OpenAI

import tokeneff
from tokeneff.cache import _keeper, _place
from tokeneff.cache._place import settled


def main(provider: str, store: str, threads: int) -> None:
    http = DefaultHttpxClient(verify=False, trust_env=False)
    bare = OpenAI(base_url=provider, api_key="k", max_retries=0, http_client=http)
    client = tokeneff.wrap(bare, cache=tokeneff.Cache(store))

    def ask(_: int) -> str:
        CHAT.ask(client)
        call = tokeneff.last()
        return call.served.said if call is not None and call.served is not None else "none"

    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(ask, range(threads)))
    settled()
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    # On a busy machine a store may well take longer than its patience, and calls would go on without it.
    _place._PATIENCE = 60.0
    if len(sys.argv) > 4:
        _keeper.LEASE = float(sys.argv[4])
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
