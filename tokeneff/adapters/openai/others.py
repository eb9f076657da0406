"""Embeddings, images, audio and moderations. What is not described here (files, batches …) is named by its path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tokeneff.adapters import Attributes, Endpoint
from tokeneff.adapters._reading import BaseReader, part, text
from tokeneff.adapters._routes import no_attributes
from tokeneff.adapters.openai import _content
from tokeneff.adapters.openai._request import numbers, strings
from tokeneff.adapters.openai._usage import tokens_of

Body = Mapping[str, Any]


class UsageReader(BaseReader):
    """Reads usage wherever a reply, or an event of its stream, has it."""

    __slots__ = ()

    counts_output = False

    @property
    def terminal(self) -> bool:
        return self.tokens is not None

    def read_whole(self, data: Body) -> None:
        usage = part(data, "usage")
        if usage:
            self.tokens = tokens_of(usage) or self.tokens

    def event(self, data: Any) -> Any:
        self.seen = True
        if isinstance(data, Mapping):
            self.read_whole(cast("Body", data))
        return cast("Any", data)


class EmbeddingsReader(UsageReader):
    """Embeddings cost input only."""

    __slots__ = ()


class UncountedReader(UsageReader):
    """Work of a model that is billed in tokens only where the reply says so: there is nothing to estimate."""

    __slots__ = ()

    def _tokens(self, call: Any, body: Body, ending: Any) -> Any:
        from tokeneff._flow import UNKNOWN

        return self.tokens or UNKNOWN


def _embeddings(body: Body) -> Attributes:
    found: Attributes = {}
    if type(body.get("dimensions")) is int:
        found["gen_ai.embeddings.dimension.count"] = body["dimensions"]
    form = strings(body.get("encoding_format"))
    if form is not None:
        found["gen_ai.request.encoding_formats"] = form
    return found


def _images(body: Body) -> Attributes:
    found: Attributes = {}
    if type(body.get("n")) is int and body["n"] != 1:
        found["gen_ai.request.choice.count"] = body["n"]
    return found


def _audio(body: Body) -> Attributes:
    found = numbers(body)
    form = text(body.get("response_format"))
    if form in ("json", "verbose_json", "diarized_json"):
        found["gen_ai.output.type"] = "json"
    return found


ENDPOINTS = {
    "POST /embeddings": Endpoint(
        "embeddings",
        EmbeddingsReader,
        _embeddings,
        model=True,
        content=_content.EmbeddingsContent(),
        dialect="embeddings",
    ),
    "POST /images/generations": Endpoint("image_generation", UncountedReader, _images, output_type="image", model=True),
    "POST /images/edits": Endpoint("image_edit", UncountedReader, _images, output_type="image", model=True),
    "POST /images/variations": Endpoint("image_variation", UncountedReader, _images, output_type="image", model=True),
    "POST /audio/speech": Endpoint("speech", UncountedReader, _audio, output_type="speech", model=True),
    "POST /audio/transcriptions": Endpoint("transcription", UncountedReader, _audio, output_type="text", model=True),
    "POST /audio/translations": Endpoint("translation", UncountedReader, _audio, output_type="text", model=True),
    "POST /moderations": Endpoint("moderation", UncountedReader, no_attributes, model=True),
}
