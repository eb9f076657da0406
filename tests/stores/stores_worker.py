"""One process of many that ask the same store: started by the tests, and killed by some of them.

    python stores_worker.py URL LOG SEED CALLS LIMIT LEASE [POINT]

Each call claims three accounts (the service, a user, a rolling window), costs something up to what it held, and is
written to LOG first, so that what a killed process spent is known. POINT is where it stops until it is killed.
"""

from __future__ import annotations

import json
import random
import sys
import time

from tokeneff.stores import Amounts, Claim, Granted, Limits, Reservation, Store, open_store

MINUTE = 60_000_000
POINTS = ("after reserve", "while sending", "mid-stream", "before settle", "in settle", "after settle")
MOST = 1000
"""Nano-dollars that a call holds at most."""


def claims(limit: int, user: int) -> list[Claim]:
    """Three scopes; of the first user, who asks most, the limit binds before that of all."""
    return [
        Claim("service", Limits(usd=limit)),
        Claim(f"user={user}", Limits(usd=limit // 3)),
        Claim("rolling", Limits(usd=limit, requests=10_000_000), span=60 * MINUTE, bucket=MINUTE),
    ]


class Worker:
    def __init__(self, store: Store, log: str, seed: int, limit: int, lease: int, point: str = "") -> None:
        self.store, self.limit, self.lease, self.point = store, limit, lease, point
        self.log = open(log, "a", buffering=1)  # noqa: SIM115 - as long as the worker
        self.random = random.Random(seed)
        self.seed = seed
        self.granted = 0

    def call(self, number: int) -> Reservation:
        """One call; returns what its reservation was answered."""
        hold = f"{self.seed}-{number}"
        asked = claims(self.limit, min(self.random.randrange(4), self.random.randrange(4)))
        worst = self.random.randint(MOST // 2, MOST)
        stop = self.point if self.granted == 10 else ""
        self.say(hold, 0, asked)
        answer = self.store.reserve(hold, Amounts(worst, worst // 10, 1), asked, self.lease)
        if not isinstance(answer, Granted):
            self.say(hold, 0, asked)
            return answer
        self.granted += 1
        actual = self.random.randint(0, worst)
        self.reach("after reserve", stop)
        self.say(hold, actual, asked)
        self.reach("while sending", stop)
        if number % 3 == 0 or stop == "mid-stream":
            part = Amounts(actual // 2, 0, 0)
            self.store.extend(hold, Amounts(worst, worst // 10, 1), part, self.lease)
            self.reach("mid-stream", stop)
        self.reach("before settle", stop)
        if stop == "in settle":
            self.ready()
            while True:  # killed somewhere in there
                self.store.settle(hold, Amounts(actual, actual // 10, 1), asked)
                number += 1
                hold = f"{self.seed}-again-{number}"
                answer = self.store.reserve(hold, Amounts(worst, worst // 10, 1), asked, self.lease)
                actual = actual if isinstance(answer, Granted) else 0  # what is refused is not sent
                self.say(hold, actual, asked)
        self.store.settle(hold, Amounts(actual, actual // 10, 1), asked)
        self.reach("after settle", stop)
        return answer

    def say(self, hold: str, spent: int, asked: list[Claim]) -> None:
        """What the provider would bill if this process ended now."""
        self.log.write(json.dumps([hold, spent, [claim.account for claim in asked]]) + "\n")

    def reach(self, point: str, stop: str) -> None:
        if stop == point:
            self.ready()
            time.sleep(600)

    @staticmethod
    def ready() -> None:
        print("there", flush=True)


def main() -> None:
    url, log, seed, calls, limit, lease, *point = sys.argv[1:]
    worker = Worker(open_store(url), log, int(seed), int(limit), int(lease), *point)
    worker.store.now()
    print("ready", flush=True)
    sys.stdin.readline()
    granted = sum(isinstance(worker.call(number), Granted) for number in range(int(calls)))
    print(granted, flush=True)


if __name__ == "__main__":
    main()
