"""A process that trims requests as they come, one a line: writes what it sends of each."""

from __future__ import annotations

import json
import sys

from trim_market_kit import market, sent


def main(url: str) -> None:
    place = market(url)
    for line in sys.stdin:
        made = sent(place, "messages", json.loads(line), "anthropic")
        texts = [] if made.planned is None else [[list(path), text] for path, text in made.planned.texts.items()]
        print(json.dumps([made.body["messages"], texts]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
