"""Where vectors come from: a callable, or a model by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TypeAlias

from tokeneff.cache.semantic._dense import normal
from tokeneff.errors import StoreError

Encoder: TypeAlias = Callable[[list[str]], Sequence[Sequence[float]]]
"""From texts to one vector each, all of the same number of dimensions."""

_FORMS = '"lexical", "openai:text-embedding-3-small", "model2vec:…", "st:…", or a callable from list[str] to vectors'


def checked(encoder: object) -> object:
    """The encoder, if it can be one.

    Raises:
        TypeError, ValueError: it cannot; the text says what can.
    """
    if callable(encoder):
        return encoder
    if not isinstance(encoder, str):
        raise TypeError(f"encoder= takes {_FORMS}, not {type(encoder).__name__}")
    kind, colon, name = encoder.partition(":")
    if encoder != "lexical" and (kind not in _LOADED or not colon or not name.strip()):
        raise ValueError(f"encoder={encoder!r} is not known; write {_FORMS}")
    return encoder


class Encoding:
    """Makes vectors of questions; models are loaded when the first is.

    Args:
        encoder: as of :class:`tokeneff.Semantic`.
    """

    def __init__(self, encoder: str | Encoder) -> None:
        self.lexical = encoder == "lexical"
        """Whether there are no vectors."""
        self._encoder = encoder
        self._loaded: Encoder | None = None if isinstance(encoder, str) else encoder

    def vector(self, question: str, client: Any = None) -> list[float] | None:
        """The vector of a question; ``None`` where questions are compared by their words.

        Args:
            question: the text. client: the client that the call was made with, for encoders that ask its provider.

        Raises:
            StoreError: an extra is missing. ValueError: what came is no vector. Anything that the encoder raises.
        """
        if self.lexical:
            return None
        if isinstance(self._encoder, str) and self._encoder.startswith("openai:"):
            found = _asked(client, self._encoder.removeprefix("openai:"), question)
        else:
            if self._loaded is None:
                kind, _, name = str(self._encoder).partition(":")
                self._loaded = _LOADED[kind](name)
            found = self._loaded([question])
        if len(found) != 1:
            raise ValueError(f"an encoder has returned {len(found)} vectors for one text")
        return normal(found[0])


def _asked(client: Any, model: str, question: str) -> list[Any]:
    embeddings = getattr(client, "embeddings", None)
    if embeddings is None or any(kind.__name__ == "AsyncAPIClient" for kind in type(client).__mro__):
        raise StoreError(
            f'encoder="openai:{model}" asks with the wrapped client, which has to be a blocking one of OpenAI\'s SDK; '
            "write Semantic(…, client=tokeneff.wrap(OpenAI()))"
        )
    reply = embeddings.create(model=model, input=[question], encoding_format="float")
    return [part.embedding for part in reply.data]


def _openai(name: str) -> Encoder:
    raise AssertionError(name)  # asked with the client of each call


def _model2vec(name: str) -> Encoder:
    try:
        models: Any = import_module("model2vec")
    except ImportError:
        raise _missing(f"model2vec:{name}", "model2vec") from None
    model: Any = models.StaticModel.from_pretrained(name)
    return model.encode


def _sentence_transformers(name: str) -> Encoder:
    try:
        models: Any = import_module("sentence_transformers")
    except ImportError:
        raise _missing(f"st:{name}", "sentence-transformers") from None
    model: Any = models.SentenceTransformer(name)
    return model.encode


def _missing(encoder: str, extra: str) -> StoreError:
    return StoreError(f"encoder={encoder!r} needs the extra {extra}: pip install 'tokeneff[{extra}]'")


_LOADED: dict[str, Callable[[str], Encoder]] = {
    "openai": _openai,
    "model2vec": _model2vec,
    "st": _sentence_transformers,
}
