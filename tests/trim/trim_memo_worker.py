"""One of several processes that decide about the same messages: writes what is decided in the end."""

from __future__ import annotations

import json
import sys
import threading
from hashlib import sha256

from trim_arrival_kit import memo_of


def main(url: str, own: str, keys: int) -> None:
    memo = memo_of(url)
    made: dict[str, str] = {}
    ready = threading.Barrier(4)

    def decide(thread: int) -> None:
        ready.wait()
        for number in range(keys):
            told = memo.add(key(number), f"of {own}, thread {thread}".encode())
            assert made.setdefault(str(number), told.decode()) == told.decode()

    threads = [threading.Thread(target=decide, args=(thread,)) for thread in range(4)]
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    memo.close()
    print(json.dumps(made, sort_keys=True))


def key(number: int) -> bytes:
    return sha256(b"%d" % number).digest()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
