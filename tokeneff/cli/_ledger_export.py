"""Calls as Parquet, JSON lines or CSV."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tokeneff.cli._output import UsageError

if TYPE_CHECKING:
    from tokeneff.ledger import CallRecord

_GROUP = 50_000
"""Calls in one row group of a Parquet file."""
_JSON = ("tools", "called", "tags", "decisions", "trim_edits")


def export(url: str, form: str, target: str, since: int | None) -> int:
    """Write the calls of a ledger to a file, and return how many.

    The columns are the fields of `tokeneff.CallRecord`. In CSV, and in Parquet, tools, called, tags, decisions and
    trim_edits are JSON text; in CSV what is not known is empty.

    Args:
        form: parquet, jsonl or csv. target: a path, or `-` for standard output. since: microseconds since 1970.

    Raises:
        LedgerError: there is no such ledger. UsageError: the file cannot be written, or pyarrow is not there.
    """
    from tokeneff.ledger import connect_readonly, read

    write: Callable[[IO[bytes], Iterator[CallRecord]], int] = {"parquet": _parquet, "jsonl": _jsonl, "csv": _csv}[form]
    if form == "parquet":
        _pyarrow()
    with closing(connect_readonly(url)) as connection, _opened(target) as file:
        return write(file, read(connection, since))


@contextmanager
def _opened(target: str) -> Generator[IO[bytes]]:
    """The file, which takes its name only when it is whole."""
    if target == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(target)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def _row(record: CallRecord) -> dict[str, Any]:
    return {**record._asdict(), "tags": dict(record.tags)}


def _flat(record: CallRecord) -> dict[str, Any]:
    row = _row(record)
    for name in _JSON:
        row[name] = json.dumps(row[name], ensure_ascii=False, separators=(",", ":"))
    return row


def _jsonl(file: IO[bytes], records: Iterator[CallRecord]) -> int:
    count = 0
    for record in records:
        file.write(json.dumps(_row(record), ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        count += 1
    return count


def _csv(file: IO[bytes], records: Iterator[CallRecord]) -> int:
    from io import TextIOWrapper

    from tokeneff.ledger import CallRecord

    text = TextIOWrapper(file, "utf-8", newline="", write_through=True)
    rows = csv.DictWriter(text, CallRecord._fields, lineterminator="\n")
    rows.writeheader()
    count = 0
    for record in records:
        rows.writerow(_flat(record))
        count += 1
    text.detach()
    return count


def _parquet(file: IO[bytes], records: Iterator[CallRecord]) -> int:
    arrow, parquet = _pyarrow()
    schema = arrow.schema([(name, _type(arrow, name)) for name in _kinds()])
    count = 0
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := [_flat(record) for record in islice(records, _GROUP)]:
            writer.write_table(arrow.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def _kinds() -> dict[str, str]:
    from tokeneff.ledger import CallRecord

    return {name: getattr(kind, "__forward_arg__", str(kind)) for name, kind in CallRecord.__annotations__.items()}


def _type(arrow: Any, name: str) -> Any:
    kind = _kinds()[name]
    if name == "time":
        return arrow.timestamp("us", tz="UTC")
    if kind == "bool":
        return arrow.bool_()
    if kind.startswith("int"):
        return arrow.int64()
    return arrow.float64() if kind.startswith("float") else arrow.string()


def _pyarrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError(
            "Parquet is written by pyarrow, which is not installed: pip install 'tokeneff[parquet]'"
        ) from None
