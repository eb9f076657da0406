"""What providers' own counts teach: what a model's tokens are of ours, and where a conversation stands."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any, NamedTuple, TypeAlias, cast

from tokeneff.tokens._fit import Errors, Fit, mix_of
from tokeneff.tokens._models import style_of
from tokeneff.tokens._prompt import Piece, Prompt
from tokeneff.tokens._remembered import Generations

_MOST_MODELS = 500
_MOST_STANDS = 8000
_MOST_OPEN = 1000
_MOST_TOKENS = 10**9
_FAR = 64
"""Pieces back from the end at which an earlier request is looked for."""
_FORM = 1

_Key: TypeAlias = tuple[str, str, str]

_RATIOS = {"anthropic": 1.17, "google": 1.13}
"""Tokens of a family's models by those of ``o200k_base``, before anything is learnt: medians over recorded calls of
Claude Opus 4.6 and Gemini 3 Pro that had both texts and the provider's count (``benchmarks/counting.py``)."""
_ESTIMATOR = 0.9
"""The same of our estimate by those of ``o200k_base``, on the same texts."""


class Stand(NamedTuple):
    """Where a conversation stood: what was sent, and what the provider counted."""

    chain: int
    """Hash of the digests of all pieces."""
    mix: tuple[float, ...]
    tokens: int


class Guess(NamedTuple):
    """What a request is expected to be counted as."""

    tokens: float
    error: float
    mix: tuple[float, ...] | None
    """Of the whole, where that was needed."""
    stand: Stand | None
    grown: tuple[float, ...] | None
    """Of what is new since the stand."""


class Learning:
    """The fits of all models, and the last requests of conversations; thread-safe, in bounded memory."""

    def __init__(self) -> None:
        self._fits: dict[_Key, Fit] = {}
        self._stands: Generations[Stand] = Generations(_MOST_STANDS)
        self._sessions: Generations[list[Stand]] = Generations(_MOST_STANDS)
        self._open: dict[tuple[_Key, bytes], Guess] = {}
        """Of requests that were sent and not answered yet."""
        self._lock = Lock()

    def expected(self, prompt: Prompt, model: str, provider: str, session: str | None) -> tuple[int, float]:
        """The expected count, and its expected relative error."""
        key = (provider, model, prompt.encoding)
        guess = self._guess(prompt, key, self._fits.get(key) or _fresh(prompt, model), session)
        if len(self._open) >= _MOST_OPEN:
            self._open = {}
        self._open[key, prompt.digest] = guess
        return max(0, round(guess.tokens)), round(guess.error, 4)

    def less(self, whole: Prompt, rest: Prompt, model: str, provider: str) -> int:
        """Tokens that the first request has more than the other, which has a part of it."""
        fit = self._fits.get((provider, model, whole.encoding)) or _fresh(whole, model)
        return max(0, round(fit.tokens(_whole(whole)) - fit.tokens(_whole(rest))))

    def learn(self, prompt: Prompt, model: str, provider: str, input_tokens: int, session: str | None) -> None:
        """Take in the provider's count of a request."""
        if not 0 < input_tokens < _MOST_TOKENS or not prompt.pieces:
            return
        key = (provider, model, prompt.encoding)
        with self._lock:
            fit = self._fits.get(key)
            if fit is None:
                if len(self._fits) >= _MOST_MODELS:
                    del self._fits[next(iter(self._fits))]
                fit = self._fits[key] = _fresh(prompt, model)
            guess = self._open.pop((key, prompt.digest), None) or self._guess(prompt, key, fit, session)
            self._take(fit, guess, prompt, input_tokens)
        stand = self._stand(prompt, guess, input_tokens)
        pieces = prompt.pieces
        self._stands.put((key, len(pieces), pieces[-1].digest), stand, 1)
        if session is not None:
            kept = self._sessions.get((key, session))
            if kept is None:
                self._sessions.put((key, session), [stand], 1)
            else:
                kept[:] = (stand,)

    def _guess(self, prompt: Prompt, key: _Key, fit: Fit, session: str | None) -> Guess:
        pieces = prompt.pieces
        stand, since = self._find(pieces, key)
        if stand is not None:
            new = mix_of(pieces[since:])
            more = fit.tokens(new) if since < len(pieces) else 0.0
            total = stand.tokens + more
            return Guess(total, (fit.grown.bound * more + 2) / max(total, 1.0), None, stand, tuple(new))
        mix = _whole(prompt)
        kept = self._sessions.get((key, session)) if session is not None else None
        if kept:
            return self._further(kept[0], mix, fit.tokens(mix), fit)
        total = fit.expected(mix)
        return Guess(total, fit.wholes.bound, mix, None, None)

    def _further(self, stand: Stand, mix: tuple[float, ...], own: float, fit: Fit) -> Guess:
        """The same session, of which the history was changed: what was hidden in it then is hidden now."""
        before = fit.tokens(stand.mix)
        hidden = stand.tokens - before
        if hidden > 0.3 * before + 300:
            total = own + hidden
        else:
            total = own * min(max(stand.tokens / max(before, 1.0), 0.5), 2.0)
        return Guess(total, min(fit.wholes.bound, 0.1 + fit.grown.bound), mix, None, None)

    def _find(self, pieces: tuple[Piece, ...], key: _Key) -> tuple[Stand | None, int]:
        """The longest earlier request that this one begins with, and how many pieces it had."""
        size = len(pieces)
        look_up = self._stands.get
        for end in range(size, max(0, size - _FAR), -1):
            found = look_up((key, end, pieces[end - 1][1]))
            if found is not None and found.chain == _chain(pieces, end):
                return found, end
        return None, 0

    def _take(self, fit: Fit, guess: Guess, prompt: Prompt, tokens: int) -> None:
        if guess.stand is None:
            fit.wholes.add(abs(tokens - guess.tokens) / max(guess.tokens, 1.0))
            if not prompt.unknown:
                fit.whole(guess.mix or _whole(prompt), tokens)
        elif guess.grown is not None and any(guess.grown):
            more = guess.tokens - guess.stand.tokens
            fit.grown.add(max(0.0, abs(tokens - guess.tokens) - 2) / max(more, 1.0))
            fit.growth(guess.grown, tokens - guess.stand.tokens)

    def _stand(self, prompt: Prompt, guess: Guess, tokens: int) -> Stand:
        mix = guess.mix
        if mix is None and guess.stand is not None and guess.grown is not None:
            mix = tuple([old + new for old, new in zip(guess.stand.mix, guess.grown, strict=True)])
        return Stand(_chain(prompt.pieces, len(prompt.pieces)), mix or _whole(prompt), tokens)

    def state(self) -> dict[str, Any]:
        """All that was learnt of models, as JSON data; conversations are not in it."""
        with self._lock:
            fits = [[*key, fit.state()] for key, fit in self._fits.items()]
        return {"form": _FORM, "models": fits}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take what :meth:`state` gave; raises ``ValueError`` for anything else."""
        if state.get("form") != _FORM or not isinstance(state.get("models"), list):
            raise ValueError("not the state of a counter, or of another version of tokeneff")
        found: dict[_Key, Fit] = {}
        for entry in cast("list[Any]", state["models"])[:_MOST_MODELS]:
            if not isinstance(entry, (list, tuple)) or len(cast("list[Any]", entry)) != 4:
                raise ValueError("a model's entry has to be [provider, model, encoding, fit]")
            provider, model, encoding, fit = cast("list[Any]", entry)
            found[str(provider), str(model), str(encoding)] = Fit.of(fit)
        with self._lock:
            self._fits.update(found)

    def after_fork(self) -> None:
        """A lock that was held by a thread of the parent's is held by nobody here."""
        self._lock = Lock()
        self._stands.after_fork()
        self._sessions.after_fork()


def _fresh(prompt: Prompt, model: str) -> Fit:
    """What is known of a model before anything was learnt of it."""
    if prompt.exact:
        return Fit(1.0, own=True)
    style = style_of(model)
    ratio = _RATIOS.get(style.family, 1.0)
    fit = Fit(ratio * _ESTIMATOR if prompt.encoding == "estimator" else ratio, own=False)
    if style.own:
        fit.wholes, fit.grown = Errors(0.2), Errors(0.25)
    return fit


def _whole(prompt: Prompt) -> tuple[float, ...]:
    """The mix of a whole request, its frame counted as text."""
    mix = mix_of(prompt.pieces)
    mix[0] += max(0, prompt.tokens - (sum(mix) - mix[7]))
    return tuple(mix)


def _chain(pieces: tuple[Piece, ...], end: int) -> int:
    # Quick because bytes remember their hash, and the digests of remembered pieces are the same objects each time.
    return hash(tuple([piece[1] for piece in pieces[:end]]))
