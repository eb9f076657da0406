"""Images, speech and transcriptions."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from tokeneff.testing.answers import Answer, Frame, Json, data_frame, event_frame
from tokeneff.testing.replies import Usage, pieces
from tokeneff.testing.turn import CREATED, Turn, oddly

# One grey pixel, as PNG.
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
_AUDIO_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


def images(turn: Turn) -> Answer:
    """POST /images/generations, /images/edits, /images/variations."""
    if turn.stream:
        return turn.sse(_image_frames(turn))
    wants_url = turn.payload.get("response_format") == "url"
    one: Json = {"url": f"https://images.example/{turn.number:06d}.png"} if wants_url else {"b64_json": _pixels(turn)}
    if turn.reply.text:
        one["revised_prompt"] = turn.reply.text
    count = max(1, int(turn.payload.get("n") or 1))
    body: Json = {"created": CREATED, "data": [one] * count}
    if not wants_url:
        body.update(_image_form(turn))
    if turn.usage is not None:
        body["usage"] = _image_usage(turn, turn.usage)
    return turn.json(body)


def _pixels(turn: Turn) -> str:
    return base64.b64encode(turn.reply.data).decode() if turn.reply.data is not None else _PIXEL


def _image_form(turn: Turn) -> Json:
    form: Json = {"background": "opaque", "output_format": "png", "quality": "low", "size": "1024x1024"}
    return {key: value if turn.payload.get(key) in (None, "auto") else turn.payload[key] for key, value in form.items()}


def _image_usage(turn: Turn, usage: Usage) -> Json:
    body: Json = {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "image_tokens": usage.image_input,
            "text_tokens": usage.input_tokens - usage.image_input,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"image_tokens": usage.output_tokens, "text_tokens": 0},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    return oddly(body, turn.usage_style)


def _image_frames(turn: Turn) -> Iterator[Frame]:
    kind = "image_edit" if turn.request.path.endswith("/edits") else "image_generation"
    form = {"b64_json": _pixels(turn), "created_at": CREATED, **_image_form(turn)}
    for index in range(int(turn.payload.get("partial_images") or 0)):
        event = {"type": f"{kind}.partial_image", "partial_image_index": index, **form}
        yield event_frame(event, content=True)
    last: Json = {"type": f"{kind}.completed", **form}
    if turn.usage is not None:
        last["usage"] = _image_usage(turn, turn.usage)
    yield event_frame(last, content=True)


def speech(turn: Turn) -> Answer:
    """POST /audio/speech: bytes, or events where `stream_format` is "sse"."""
    audio = turn.reply.data if turn.reply.data is not None else b"fake audio " * 100
    if turn.payload.get("stream_format") == "sse":
        return turn.sse(_speech_frames(turn, audio))
    kind = _AUDIO_TYPES.get(str(turn.payload.get("response_format", "mp3")), "audio/mpeg")
    if turn.usage_style == "normal" and len(audio) <= 1 << 16:
        return Answer(200, (("content-type", kind), *turn.headers()), audio)
    blocks = (Frame(audio[i : i + 65536], content=True) for i in range(0, len(audio), 65536))
    return Answer(200, (("content-type", kind), *turn.headers()), frames=blocks)


def _speech_frames(turn: Turn, audio: bytes) -> Iterator[Frame]:
    for start in range(0, len(audio), 400):
        piece = base64.b64encode(audio[start : start + 400]).decode()
        yield data_frame({"type": "speech.audio.delta", "audio": piece}, content=True)
    done: Json = {"type": "speech.audio.done"}
    if turn.usage is not None:
        done["usage"] = _plain_usage(turn.usage)
    yield data_frame(done)


def _plain_usage(usage: Usage) -> Json:
    total = usage.input_tokens + usage.output_tokens
    return {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens, "total_tokens": total}


def transcriptions(turn: Turn) -> Answer:
    """POST /audio/transcriptions and /audio/translations: the reply's text is what was heard."""
    if turn.stream:
        return turn.sse(_transcript_frames(turn))
    form = str(turn.payload.get("response_format") or "json")
    text = turn.reply.text
    if form in ("text", "srt", "vtt"):
        return Answer(200, (("content-type", "text/plain; charset=utf-8"), *turn.headers()), _subtitled(form, text))
    if form == "verbose_json":
        return turn.json(_verbose(turn))
    body: Json = {"text": text}
    if turn.usage is not None:
        body["usage"] = _transcript_usage(turn, turn.usage)
    return turn.json(body)


def _subtitled(form: str, text: str) -> bytes:
    told = {
        "text": f"{text}\n",
        "srt": f"1\n00:00:00,000 --> 00:00:01,500\n{text}\n\n",
        "vtt": f"WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n{text}\n\n",
    }
    return told[form].encode()


def _verbose(turn: Turn) -> Json:
    segment: Json = {"id": 0, "seek": 0, "start": 0.0, "end": 1.5, "text": turn.reply.text, "tokens": []}
    segment |= {"temperature": 0.0, "avg_logprob": -0.25, "compression_ratio": 1.0, "no_speech_prob": 0.0}
    body: Json = {"task": "transcribe", "language": "english", "duration": 1.5, "text": turn.reply.text}
    body["segments"] = [segment]
    if turn.usage is not None:
        body["usage"] = {"type": "duration", "seconds": 2}
    return body


def _transcript_usage(turn: Turn, usage: Usage) -> Json:
    details: dict[str, Any] = {
        "audio_tokens": usage.audio_input,
        "text_tokens": usage.input_tokens - usage.audio_input,
    }
    return oddly({"type": "tokens", **_plain_usage(usage), "input_token_details": details}, turn.usage_style)


def _transcript_frames(turn: Turn) -> Iterator[Frame]:
    for part in turn.reply.chunks if turn.reply.chunks is not None else pieces(turn.reply.text):
        yield data_frame({"type": "transcript.text.delta", "delta": part}, content=True)
    done: Json = {"type": "transcript.text.done", "text": turn.reply.text}
    if turn.usage is not None:
        done["usage"] = _transcript_usage(turn, turn.usage)
    yield data_frame(done)
