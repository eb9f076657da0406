"""What a call may come to at most, before it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from tokeneff._flow import Tokens
from tokeneff._plain import absent, fields, items, string
from tokeneff.budgets._limits import Limit, limit_of
from tokeneff.budgets._tally import Ratios
from tokeneff.stores._contract import Amounts

if TYPE_CHECKING:
    from tokeneff.accounts import Asked
    from tokeneff.prices import Prices
    from tokeneff.prices._cost import Cost
    from tokeneff.tokens import Counter, Prompt

MOST = 2**53
_MANY = 1_000_000
_MARGIN = 16
"""Tokens beside the relative error: what frames a request is not known to the token."""
_ERRORS = 3
"""Expected errors that the count may be off: within one it is about five times out of six."""
_LEAST = 0.6
"""Of our own count: whatever was learnt, a provider's is not less."""
_IMAGES = 4
"""An image whose size is not known is counted as one of 1,024 pixels square; the largest costs up to this many times
that (OpenAI's tiles of 2,048 by 768 pixels, Anthropic's long edge of 2,576)."""
_CLIENTS_TOOL = 3_000
"""Tokens that the description of a tool takes which the provider knows and the caller runs (bash, text editor …)."""
_RUN_BY_CALLERS = ("bash", "text_editor", "computer", "memory", "local_shell", "shell", "apply_patch", "custom")
_HIDDEN = frozenset(("encrypted reasoning", "redacted thinking"))
_CAPS = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
    "messages": ("max_tokens",),
    "embeddings": (),
    None: ("max_tokens_to_sample", "max_output_tokens", "max_tokens"),
}
_STANDARD = (None, "", "auto", "default", "standard", "standard_only")


class Bound(NamedTuple):
    """What a call may come to. Its cost is ``base`` and ``rate`` for each token of output."""

    model: str
    expected: int
    """Input tokens as counted, with what was learnt applied."""
    ratio: float
    """The model's tokens by those of the vocabulary that it is counted with."""
    input: int
    """Input tokens at most."""
    output: int
    """Output tokens at most, of all choices."""
    choices: int
    capped: bool
    """Whether the caller set a limit to the output."""
    visible: bool
    """Whether all of its output can be read from its stream."""
    base: int | None
    """Nano-dollars of the input at the dearest; ``None`` where there is no price."""
    rate: Fraction
    """Nano-dollars of a token of output at the dearest."""
    why: str
    """Why there is no price."""
    prompt: Prompt

    def of(self, output: int) -> Amounts:
        """What it comes to at most with so many tokens of output."""
        usd = 0 if self.base is None else self.base + cents(self.rate, output)
        return Amounts(min(usd, MOST), min(self.input + output, MOST), 1)

    @property
    def amounts(self) -> Amounts:
        """What it comes to at most."""
        return self.of(self.output)


def cents(rate: Fraction, count: int) -> int:
    """The cost of so many tokens, rounded up."""
    return -(-rate.numerator * count // rate.denominator)


class Bounds:
    """Bounds of requests, by what this process counts and what prices it knows."""

    def __init__(self, counter: Counter, prices: Prices, ratios: Ratios | None = None) -> None:
        self.counter = counter
        self.prices = prices
        self.ratios = Ratios() if ratios is None else ratios

    def of(self, asked: Asked) -> Bound:
        """What a request may come to.

        Input is the expected count times 1 + 3 × its expected error, and 16 tokens; with parts in it that nobody can
        count beforehand (files, audio, conversations that the provider keeps, tools that it runs) the model's whole
        context window. Output is what the caller allows, else what the model can say; each at the dearest price that
        can apply: nothing read from the cache, all written to it where it is written unasked or for a mark, the
        service tier asked for, audio and images where there may be some.
        """
        body, model = asked.body, asked.model
        limit = limit_of(model)
        prompt = self.counter.prompt(asked.dialect, body, model)
        expected, error = self.counter.expected(prompt, model, asked.provider, asked.session, asked.at)
        whole = _input(asked, prompt, expected, min(error, 1.0), limit)
        output, capped = _output(asked, limit)
        choices = _choices(body)
        costs = _Costs(asked, prompt, self.prices)
        base, why = costs.input(whole)
        rate = costs.output(whole) if output and base is not None else Fraction(0)
        if rate is None:
            base, why = None, "no price per output token"
        return Bound(
            model,
            expected,
            self._ratio(asked, prompt, expected),
            whole,
            output * choices,
            choices,
            capped,
            _all_seen(asked, prompt, limit),
            base,
            rate or Fraction(0),
            why,
            prompt,
        )

    def _ratio(self, asked: Asked, prompt: Prompt, expected: int) -> float:
        if prompt.exact:
            return 1.0
        by_input = min(max(expected / prompt.tokens, 1.0), 1.6) if prompt.tokens else 1.0
        return self.ratios.of(asked.provider, asked.model, by_input)


def _input(asked: Asked, prompt: Prompt, expected: int, error: float, limit: Limit) -> int:
    # No request is longer than the model's context, whatever an odd count has taught.
    return min(_counted(asked, prompt, expected, error, limit), limit.context)


def _counted(asked: Asked, prompt: Prompt, expected: int, error: float, limit: Limit) -> int:
    bound = max(int(expected * (1 + _ERRORS * error)), int(prompt.tokens * _LEAST)) + _MARGIN
    if asked.dialect is None:
        return limit.context
    unknown = set(prompt.unknown)
    if not unknown:
        return bound
    if "image size" in unknown:
        attached = sum(tokens for piece in prompt.pieces for kind, tokens in piece.contents if kind == "attached")
        bound += (_IMAGES - 1) * attached
    if unknown & _HIDDEN:
        bound += sum(map(len, _sealed(asked.body)))
    if "hosted tool" in unknown and not _hosted(asked.body):
        bound += _CLIENTS_TOOL * len(items(asked.body.get("tools")))
        unknown.discard("hosted tool")
    return bound if unknown <= _HIDDEN | {"image size"} else limit.context


def _sealed(value: object, depth: int = 0) -> Iterator[str]:
    """What a request holds encrypted: it stands for no more tokens than it has characters."""
    inner = fields(value) if not isinstance(value, str) else None
    if inner is not None:
        for key, item in inner.items():
            if key in ("encrypted_content", "data") and isinstance(item, str):
                yield item
            elif depth < 6:
                yield from _sealed(item, depth + 1)
    elif depth < 6 and not isinstance(value, str):
        for item in items(value):
            yield from _sealed(item, depth + 1)


def _hosted(body: Mapping[str, Any]) -> bool:
    """Whether the provider runs some of the tools, whose results it then bills."""
    for tool in items(body.get("tools")):
        told = fields(tool) or {}
        kind = string(told.get("type")) or "function"
        if kind != "function" and "input_schema" not in told and not kind.startswith(_RUN_BY_CALLERS):
            return True
    return _given(body, "mcp_servers") or _given(body, "web_search_options")


def _given(body: Mapping[str, Any], name: str) -> bool:
    """Whether the caller said anything here; what the SDKs mark as not given is not sent."""
    value = body.get(name)
    return value is not None and value is not False and not absent(value)


def _output(asked: Asked, limit: Limit) -> tuple[int, bool]:
    """Tokens of one choice at most, and whether the caller said so."""
    body = asked.body
    if asked.dialect == "embeddings":
        return 0, True
    caps = [cap for name in _CAPS[asked.dialect] if type(cap := body.get(name)) is int and cap >= 0]
    more = 0
    predicted = fields(body.get("prediction"))
    if predicted is not None:  # what is predicted and not taken is billed as output
        more = len(string(predicted.get("content")) or str(predicted.get("content")))
    if not caps:
        return limit.output + more, False
    cap = max(caps)
    thinking = (fields(body.get("thinking")) or {}).get("budget_tokens")
    if type(thinking) is int and thinking >= cap:  # allowed where thinking is interleaved with tools
        cap += thinking
    return cap + more, True


def _choices(body: Mapping[str, Any]) -> int:
    return max(1, *(many for name in ("n", "best_of") if type(many := body.get(name)) is int), 1)


def _all_seen(asked: Asked, prompt: Prompt, limit: Limit) -> bool:
    body = asked.body
    if not limit.visible or asked.dialect not in ("chat", "completions", "responses", "messages"):
        return False
    thinking = fields(body.get("thinking"))
    if thinking is not None and string(thinking.get("type")) != "disabled":
        return False
    if "hosted tool" in prompt.unknown and _hosted(body):
        return False
    return not (_sounds(body) or any(_given(body, name) for name in ("background", "web_search_options", "prediction")))


def _sounds(body: Mapping[str, Any]) -> bool:
    return "audio" in items(body.get("modalities")) or _given(body, "audio")


def _kept_an_hour(value: object, depth: int = 0) -> bool:
    """Whether a mark for the cache asks for an hour."""
    inner = fields(value) if not isinstance(value, str) else None
    if inner is None:
        return depth < 6 and not isinstance(value, str) and any(_kept_an_hour(one, depth + 1) for one in items(value))
    mark = fields(inner.get("cache_control"))
    if mark is not None and string(mark.get("ttl")) == "1h":
        return True
    return depth < 6 and any(
        _kept_an_hour(inner.get(name), depth + 1) for name in ("tools", "system", "messages", "content")
    )


class _Costs:
    """The dearest prices that can apply to a request."""

    def __init__(self, asked: Asked, prompt: Prompt, prices: Prices) -> None:
        self._asked = asked
        self._prices = prices
        body = asked.body
        tier = body.get("service_tier")
        self._tiers = (None,) if tier in _STANDARD or not isinstance(tier, str) else (None, tier)
        self._marked = _given(body, "cache_control") or any(piece.marked for piece in prompt.pieces)
        self._odd = (
            bool(prompt.unknown)
            or asked.dialect is None
            or any(kind == "attached" for piece in prompt.pieces for kind, _ in piece.contents)
        )
        self._spoken = _sounds(body)

    def input(self, count: int) -> tuple[int | None, str]:
        """Nano-dollars of so many tokens of input; why there is no price."""
        kinds = [Tokens(count, 0)]
        if self._marked or self._asked.dialect != "messages":
            kinds.append(Tokens(count, 0, cache_write=count))
        if self._marked and _kept_an_hour(self._asked.body):
            kinds.append(Tokens(count, 0, cache_write=count, cache_write_1h=count))
        if self._odd or self._spoken:
            kinds += [Tokens(count, 0, image_input=count), Tokens(count, 0, audio_input=count)]
        return self._dearest(kinds)

    def output(self, count: int) -> Fraction | None:
        """Nano-dollars of a token of output, after so much input."""
        kinds = [Tokens(count, _MANY), Tokens(count, _MANY, reasoning=_MANY)]
        if self._spoken or self._asked.dialect is None:
            kinds += [Tokens(count, _MANY, audio_output=_MANY), Tokens(count, _MANY, image_output=_MANY)]
        dearest, _ = self._dearest(kinds, lambda cost: cost.output)
        return None if dearest is None else Fraction(dearest, _MANY)

    def _dearest(
        self, kinds: list[Tokens], part: Callable[[Cost], int | None] = lambda cost: cost.nano_usd
    ) -> tuple[int | None, str]:
        asked, most, why = self._asked, None, ""
        for tier in self._tiers:
            for tokens in kinds:
                cost = self._prices.cost(
                    tokens, model=asked.model, provider=asked.provider, host=asked.host, tier=tier, at=asked.at
                )
                found = part(cost)
                if found is None:
                    return None, cost.note
                most = found if most is None else max(most, found)
        return most, why
