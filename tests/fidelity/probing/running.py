"""One run of a probe: a fresh provider, a fresh client, and the whole recording."""

from __future__ import annotations

import asyncio
import os
import warnings
from typing import Any

from probing.kinds import Kind
from probing.lab import Lab, Probe, drive
from probing.observing import body_bytes, header_pairs, name_of, steady
from probing.wrappings import Wrapping
from tokeneff.testing import FakeProvider

Recording = dict[str, Any]


def record(probe: Probe, kind: Kind, wrapping: Wrapping) -> tuple[Recording, Lab]:
    """What can be observed when ``probe`` runs on a client of this kind, so wrapped."""
    with FakeProvider() as provider, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lab = Lab(provider, kind.family, awaiting=kind.awaiting, model=kind.model, wire=kind.wire)
        faults: list[Any] = []
        if kind.awaiting:
            asyncio.run(_awaited(probe, kind, wrapping, lab, faults))
        else:
            drive(_run(probe, kind, wrapping, lab))
        requests = [_wire(request) for request in provider.requests]
        if lab.unordered:
            requests.sort(key=repr)
    told = [_warning(one) for one in caught if not issubclass(one.category, ResourceWarning)]
    return {"log": lab.log, "wire": requests, "warnings": told, "loop": faults}, lab


async def _awaited(probe: Probe, kind: Kind, wrapping: Wrapping, lab: Lab, faults: list[Any]) -> None:
    def note(loop: Any, context: dict[str, Any]) -> None:
        if "aclose" in repr(context.get("future") or context.get("task")):
            return  # a client of an earlier run, collected only now, that closes itself on a loop not its own
        faults.append((steady(context["message"]), name_of(type(context.get("exception")))))

    asyncio.get_running_loop().set_exception_handler(note)
    await _run(probe, kind, wrapping, lab)


async def _run(probe: Probe, kind: Kind, wrapping: Wrapping, lab: Lab) -> None:
    wrapping.begin(lab)
    lab.client = wrapping.client(lambda: kind.make(lab.provider))
    try:
        await probe.run(lab)
    except Exception as error:  # noqa: BLE001 - what a kind of client cannot do, it cannot do wrapped either
        lab.failed(error, "probe")
    finally:
        await lab.settled(lab.client.close())
    lab.seen = wrapping.seen(lab)


def _wire(request: Any) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": header_pairs(request.headers),
        "body": body_bytes(request.header("content-type") or "", request.body),
    }


def _warning(one: warnings.WarningMessage) -> tuple[str, str, str]:
    return (name_of(one.category), steady(str(one.message)), os.path.basename(one.filename))
