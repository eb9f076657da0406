"""Files, of both providers: upload, list, contents, delete."""

from __future__ import annotations

from dataclasses import dataclass

from tokeneff.testing.answers import Answer, Json
from tokeneff.testing.listing import missing, page
from tokeneff.testing.multipart import Upload
from tokeneff.testing.turn import CREATED, STAMP, Turn


@dataclass(frozen=True, slots=True)
class Stored:
    """A file kept by the provider."""

    info: Json
    data: bytes


def keep(turn: Turn, upload: Upload, purpose: str, number: str = "") -> Json:
    """Store a file; returns its description."""
    if turn.dialect == "anthropic":
        key = f"file_{turn.number:06d}{number}"
        info: Json = {
            "id": key,
            "type": "file",
            "filename": upload.filename,
            "mime_type": upload.content_type,
            "size_bytes": len(upload.data),
            "created_at": STAMP,
            "downloadable": True,
        }
    else:
        key = f"file-{turn.number:06d}{number}"
        info = {
            "id": key,
            "object": "file",
            "bytes": len(upload.data),
            "created_at": CREATED,
            "filename": upload.filename,
            "purpose": purpose,
            "status": "processed",
        }
    turn.store.put("file", key, Stored(info, upload.data))
    return info


def upload(turn: Turn) -> Answer:
    """POST /files."""
    given = turn.payload.get("file")
    if not isinstance(given, Upload):
        given = Upload("upload", "application/octet-stream", b"")
    return turn.json(keep(turn, given, str(turn.payload.get("purpose", "user_data"))))


def listed(turn: Turn) -> Answer:
    """GET /files."""
    prefix = "file_" if turn.dialect == "anthropic" else "file-"
    return page(turn, [one.info for one in turn.store.all("file") if one.info["id"].startswith(prefix)])


def described(turn: Turn) -> Answer:
    """GET /files/{id}."""
    stored = turn.store.get("file", turn.params[0])
    return turn.json(stored.info) if stored else missing(turn, f"File object: {turn.params[0]}")


def contents(turn: Turn) -> Answer:
    """GET /files/{id}/content."""
    stored = turn.store.get("file", turn.params[0])
    if stored is None:
        return missing(turn, f"File object: {turn.params[0]}")
    data = stored.data if turn.reply.data is None else turn.reply.data
    return Answer(200, (("content-type", "application/octet-stream"), *turn.headers()), data)


def delete(turn: Turn) -> Answer:
    """DELETE /files/{id}."""
    key = turn.params[0]
    if turn.store.pop("file", key) is None:
        return missing(turn, f"File object: {key}")
    if turn.dialect == "anthropic":
        return turn.json({"id": key, "type": "file_deleted"})
    return turn.json({"id": key, "object": "file", "deleted": True})
