"""Reading multipart/form-data: uploads and transcriptions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Upload:
    """One uploaded file."""

    filename: str
    content_type: str
    data: bytes


def fields(content_type: str, body: bytes) -> dict[str, Any]:
    """The form's fields: text as str, files as Upload, a name that repeats as a list."""
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if boundary is None:
        return {}
    found: dict[str, Any] = {}
    for part in body.split(b"--" + boundary[1].encode("latin-1"))[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = [line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n")]
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        named = dict(_PARAMETER.findall(headers.get("content-disposition", "")))
        name = named.get("name", "")
        value = _value(named.get("filename"), headers, content.removesuffix(b"\r\n"))
        found[name] = value if name not in found else [*_listed(found[name]), value]
    return found


def _value(filename: str | None, headers: dict[str, str], content: bytes) -> Upload | str:
    if filename is None:
        return content.decode("utf-8", "replace")
    return Upload(filename, headers.get("content-type", "application/octet-stream"), content)


def _listed(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]
