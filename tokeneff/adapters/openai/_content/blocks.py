"""The blocks of a message's content: texts, images, sound, files. Chat completions and responses share them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tokeneff._plain import fields, items, string
from tokeneff.adapters._parts import Body, Part, blob, content_of, file, link, mime_type_of, other, reasoning, text

_SOUNDS = {"mp3": "audio/mpeg", "pcm16": "audio/pcm"}


def content_parts(content: object) -> list[Part]:
    """The parts of a message's ``content``, be it a text, blocks, or nothing."""
    return content_of(content, lambda block: [block_part(block)])


def block_part(block: object) -> Part:
    """One block as a part; an unknown one is kept as it is."""
    found = fields(block)
    if found is None:
        said = string(block)
        return other(block) if said is None else text(said)
    kind = string(found.get("type"))
    read = _BLOCKS.get(kind or "text")
    part = read(found) if read is not None else None
    return part or other(found)


def audio_mime_type(form: object) -> str | None:
    """``audio/wav`` for ``wav``."""
    name = string(form)
    return _SOUNDS.get(name, f"audio/{name}") if name else None


def _text(block: Body) -> Part | None:
    said = string(block.get("text"))
    return None if said is None else text(said)


def _refusal(block: Body) -> Part | None:
    said = string(block.get("refusal"))
    return None if said is None else text(said)


def _reasoning(block: Body) -> Part | None:
    for key in ("text", "thinking", "reasoning"):
        said = string(block.get(key))
        within = items(block.get(key))  # Mistral's form: text blocks within
        if within:
            said = "".join(string((fields(item) or {}).get("text")) or "" for item in within)
        if said is not None:
            return reasoning(said)
    return None


def _linked(key: str, modality: str) -> Callable[[Body], Part | None]:
    """Reads ``{key: {"url": …}}``, ``{key: "…"}``, or a ``file_id`` in their place."""

    def read(block: Body) -> Part | None:
        held = block.get(key)
        url = string(held) or string((fields(held) or {}).get("url"))
        if url:
            return link(modality, url)
        known = string(block.get("file_id"))
        return file(modality, None, known) if known else None

    return read


def _audio(block: Body) -> Part | None:
    sound = fields(block.get("input_audio"))
    return None if sound is None else blob("audio", audio_mime_type(sound.get("format")), sound.get("data"))


def _file(block: Body) -> Part | None:
    held = fields(block.get("file")) or block
    mime_type = mime_type_of(held.get("filename"))
    known = string(held.get("file_id"))
    if known:
        return file("document", mime_type, known)
    url = string(held.get("file_url"))
    if url:
        return link("document", url, mime_type or mime_type_of(url))
    data: Any = held.get("file_data")
    if data is None:
        return None
    inline = string(data)
    return (
        link("document", inline, mime_type)
        if inline and inline.startswith("data:")
        else blob("document", mime_type, data)
    )


_BLOCKS: dict[str, Callable[[Body], Part | None]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "summary_text": _reasoning,
    "reasoning_text": _reasoning,
    "thinking": _reasoning,
    "refusal": _refusal,
    "image_url": _linked("image_url", "image"),
    "input_image": _linked("image_url", "image"),
    "computer_screenshot": _linked("image_url", "image"),
    "video_url": _linked("video_url", "video"),
    "audio_url": _linked("audio_url", "audio"),
    "input_audio": _audio,
    "file": _file,
    "input_file": _file,
}
