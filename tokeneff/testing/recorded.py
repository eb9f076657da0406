"""A request as the fake provider received it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from tokeneff.testing.multipart import fields


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One HTTP request as it came over the wire: `provider.requests[0].json["model"]`.

    Fields:
        method, path (without the query), query (raw, "" where none).
        headers: (name, value) pairs in the order and case received.
        body: the bytes, decoded from chunked transfer. number: 1 for the provider's first request.
    """

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    number: int = 0

    @property
    def json(self) -> Any:
        """The body parsed as JSON; None where there is none. Raises ValueError where it is something else."""
        return json.loads(self.body) if self.body else None

    def header(self, name: str) -> str | None:
        """The value of the first header of that name (any case), or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def payload(self) -> dict[str, Any]:
        """The JSON object or the form in the body, or {} where the body is neither."""
        kind = self.header("content-type") or ""
        if kind.startswith("multipart/form-data"):
            return fields(kind, self.body)
        if not self.body or self.body[:1] not in b"{ \t\r\n":
            return {}
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
