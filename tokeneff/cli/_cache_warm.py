"""Filling a cache from recorded requests and replies."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tokeneff.cli._clients import import_sdk
from tokeneff.cli._output import Output, UsageError

if TYPE_CHECKING:
    from tokeneff.cache import Warmed

_MESSAGES = "/v1/messages"
_NO_KEY = (
    "is a ledger: that keeps what was said, and not all that was sent (parameters, tools, whose account), so no key of "
    "it would be a live call's. What can be kept are whole requests with their replies: JSON lines of "
    '{"endpoint": "/v1/chat/completions", "request": {…}, "response": {…}}, or the input of a batch with --results'
)
Record = Mapping[str, Any]


def warm(args: argparse.Namespace, out: Output) -> int:
    """Do it."""
    import tokeneff
    from tokeneff.cache import Cache
    from tokeneff.cli._cache_store import check, keys, pairs

    check(args.store, makes=True)
    records = list(read(args.file, args.results))
    tags = dict(pairs(args.by, "--by"))
    sdk = args.sdk or _sdk_of(records)
    try:
        cache = Cache(
            args.store,
            when="always",
            by=tuple(tags),
            account=args.account,
            ttl=args.ttl,
            truncated=args.truncated,
            ignore_headers=args.ignore_header,
            key=keys() or None,
        )
        client = tokeneff.wrap(_client(sdk, args), cache=cache, ledger=False)
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from error
    try:
        with tokeneff.tag(**tags):
            found = tokeneff.cache.warm(client, records)
    finally:
        client.close()
    return _tell(out, found)


def _tell(out: Output, found: Warmed) -> int:
    out.json({"kept": found.kept, "left_out": dict(found.left_out)})
    out.line(f"{found.kept:,} {'reply' if found.kept == 1 else 'replies'} kept")
    for why, count in sorted(found.left_out.items()):
        out.line(f"{count:,} left out: {why}")
    return 0 if found.kept else 1


def read(file: str, results: str | None) -> Iterator[Record]:
    """The records of a file; of a batch's two files.

    Raises:
        UsageError: they cannot be read, or are none.
    """
    lines = list(_lines(file))
    if results is None:
        if any("response" not in line for line in lines):
            raise UsageError(f"{file}: a line has no response; of a batch's input, give its output as --results FILE")
        yield from lines
        return
    answers = {line.get("custom_id"): line for line in _lines(results)}
    for line in lines:
        yield _joined(line, answers.get(line.get("custom_id")) or {})


def _joined(asked: Record, told: Record) -> Record:
    """One request of a batch with its reply: OpenAI's form, or Anthropic's."""
    if "params" in asked:
        result = _part(told.get("result"))
        reply = result.get("message") if result.get("type") == "succeeded" else None
        return {"endpoint": _MESSAGES, "request": asked["params"], "response": reply}
    response = _part(told.get("response"))
    reply = response.get("body") if response.get("status_code") == 200 else None
    return {"endpoint": asked.get("url"), "request": asked.get("body"), "response": reply}


def _lines(name: str) -> Iterator[Record]:
    path = Path(name.removeprefix("sqlite:///")).expanduser()
    try:
        with path.open("rb") as head:
            if head.read(15) == b"SQLite format 3":
                raise UsageError(f"{name} {_NO_KEY}")
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    yield _line(text, f"{name}:{number}")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} cannot be read: {error}") from error


def _line(text: str, where: str) -> Record:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{where}: is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{where}: is no JSON object")
    return cast("Record", found)


def _sdk_of(records: Iterable[Record]) -> str:
    ends = {str(record.get("endpoint") or "").rstrip("/").endswith("/messages") for record in records}
    if len(ends) > 1:
        raise UsageError("these are requests of two SDKs; write each kind to a file of its own")
    return "anthropic" if ends == {True} else "openai"


def _client(sdk: str, args: argparse.Namespace) -> Any:
    """A client as live ones are made: account and base URL are the environment's, unless told."""
    module = import_sdk(sdk)
    options: dict[str, Any] = {} if args.base_url is None else {"base_url": args.base_url}
    if args.account is not None and not os.environ.get(f"{sdk.upper()}_API_KEY"):
        options["api_key"] = "none"  # it says nothing, where the account is named
    try:
        return (module.Anthropic if sdk == "anthropic" else module.OpenAI)(**options)
    except Exception as error:
        raise UsageError(
            f"the {sdk} SDK makes no client here: {error}. A key is of the account that calls: set its key in the "
            "environment as for live calls, or name the account as live calls do, with --account"
        ) from error


def _part(value: object) -> Record:
    return cast("Record", value) if isinstance(value, Mapping) else {}
