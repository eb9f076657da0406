"""The way back: what was left out of a request is kept by name, and a trimmed request becomes what it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from tokeneff._plain import items, plain
from tokeneff.trim._changing import replaced
from tokeneff.trim._history import History, Path
from tokeneff.trim._reading import history_of
from tokeneff.trim._reading._taking import KEYS
from tokeneff.trim.arrival._arriving import Arrived, Arriving
from tokeneff.trim.memo._vault import Vault
from tokeneff.trim.planning._batches import NOTHING, Batch


def with_originals(vault: Vault, history: History, batch: Batch) -> Batch:
    """The batch with the names of all originals, which are in the vault from now on.

    Args:
        history: the request with which it was decided. batch: names that it has already stay.
    """
    names: dict[Path, str] = {}
    texts = {spot.path: spot.text for spot in history.spots}
    for path in batch.texts:
        if path in texts:
            names[path] = batch.names.get(path) or vault.keep(texts[path])
    for row in batch.gone:
        names[row] = batch.names.get(row) or vault.keep(json.dumps(list(history.messages[slice(*row)]), default=plain))
    return batch._replace(names=names)


def restored(
    dialect: str, sent: Mapping[str, Any], arriving: Arriving, vault: Vault, arrived: Arrived, batch: Batch = NOTHING
) -> dict[str, Any]:
    """The request as the caller had it, from the one that was sent and what was kept.

    Args:
        sent: the trimmed request, as plain JSON data.
        arriving, vault: of its market, in any process that shares the store.
        arrived, batch: what was decided about it.

    Raises:
        LookupError: something is not in the vault any more.
    """
    body = _whole(dialect, sent, vault, batch)
    history = history_of(dialect, body)
    if history is None:
        raise LookupError("this is no request that was trimmed")
    originals = {path: _fetched(vault, name) for path, name in batch.names.items() if path in batch.texts}
    here = {spot.path: spot.text for spot in history.spots}
    edited = {path for path, text in arrived.texts.items() if path not in originals and here.get(path) == text}
    found = {path: arriving.original(history, arrived, path) for path in edited}
    return replaced(history, {**found, **originals})


def _whole(dialect: str, sent: Mapping[str, Any], vault: Vault, batch: Batch) -> dict[str, Any]:
    """With the messages that were left out."""
    key = KEYS[dialect]
    if not batch.gone:
        return {**sent}
    messages = list(items(sent.get(key)))
    for row in sorted(batch.gone):
        messages[row[0] : row[0]] = cast("list[Any]", json.loads(_fetched(vault, batch.names[row])))
    return {**sent, key: messages}


def _fetched(vault: Vault, name: str) -> str:
    found = vault.fetch(name)
    if found is None:
        raise LookupError(f"the original {name} is not in the vault any more")
    return found
