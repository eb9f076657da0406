"""Our prices beside LiteLLM's table: every model that both know, every price more than 1% apart.

    python tests/prices/differential.py        # every disagreement, and a count by provider

The table is read out of the installed wheel of ``litellm`` (pinned in the ``differential`` dependency group, installed
without its dependencies); litellm itself is not imported, and nothing is fetched.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import Any, NamedTuple

from tokeneff.prices import Prices

PINNED = "1.109.1"
AT = 1795305600.0
"""2026-11-22, 00:00 UTC: a Sunday, and at DeepSeek outside the hours of peak price."""
OURS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "gcp.gemini",
    "deepseek": "deepseek",
    "mistral": "mistral_ai",
    "xai": "x_ai",
    "groq": "groq",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "moonshot": "moonshot_ai",
    "bedrock_converse": "aws.bedrock",
    "vertex_ai-anthropic_models": "gcp.vertex_ai",
    "azure": "azure.ai.openai",
    "together_ai": "together_ai",
    "fireworks_ai": "fireworks_ai",
    "cerebras": "cerebras",
    "perplexity": "perplexity",
    "zai": "z_ai",
    "openrouter": "openrouter",
}
KEYS = {
    "input": "input_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "output": "output_cost_per_token",
}


class Difference(NamedTuple):
    """One price on which the two tables disagree; dollars per million tokens."""

    provider: str
    model: str
    kind: str
    ours: Fraction
    theirs: Fraction
    source: str

    def __str__(self) -> str:
        ours, theirs = float(self.ours), float(self.theirs)
        return f"{self.provider:16} {self.model:58} {self.kind:12} {ours:10.4f} {theirs:10.4f}  {self.source}"


def table() -> dict[str, dict[str, Any]] | None:
    """LiteLLM's table, or ``None`` where the pinned release is not installed."""
    try:
        if version("litellm") != PINNED:
            return None
        path = distribution("litellm").locate_file("litellm/model_prices_and_context_window_backup.json")
        return json.loads(path.read_text("utf-8"), parse_float=Decimal)
    except (PackageNotFoundError, OSError):
        return None


def compare(entries: dict[str, dict[str, Any]]) -> tuple[list[Difference], Counter[str], Counter[str]]:
    """The differences, the models compared, and those that we do not list, by LiteLLM's provider."""
    prices, found = Prices(), list[Difference]()
    compared, unlisted = Counter[str](), Counter[str]()
    for key, entry in entries.items():
        theirs = entry.get("litellm_provider", "")
        if theirs not in OURS or entry.get("mode") not in ("chat", "responses", "completion", "embedding"):
            continue
        model = key.removeprefix(f"{theirs}/").removeprefix("vertex_ai/")
        rates = prices.rates(model, OURS[theirs], at=AT)
        if rates is None or rates.note.startswith("priced by its name") or "dated version" in rates.note:
            unlisted[theirs] += 1
            continue
        compared[theirs] += 1
        for kind, name in KEYS.items():
            given, ours = entry.get(name), getattr(rates, kind)
            if not given or ours is None or kind in rates.assumed:
                continue
            price, mine = Fraction(given) * 10**6, Fraction(ours) / 1000
            if abs(price - mine) > max(price, mine) / 100:
                found.append(Difference(theirs, model, kind, mine, price, rates.source))
    return found, compared, unlisted


def main() -> None:
    """Print it."""
    entries = table()
    if entries is None:
        raise SystemExit(f"litellm {PINNED} is not installed: pip install --no-deps litellm=={PINNED}")
    found, compared, unlisted = compare(entries)
    print(f"{'provider':16} {'model':58} {'kind':12} {'ours':>10} {'litellm':>10}  $/million")
    for difference in found:
        print(difference)
    models = Counter(provider for provider, _ in {(one.provider, one.model) for one in found})
    print(f"\n{'provider':28} {'compared':>9} {'disagree':>9} {'unlisted':>9}")
    for provider in sorted(OURS):
        print(f"{provider:28} {compared[provider]:9} {models[provider]:9} {unlisted[provider]:9}")
    print(f"{'all':28} {compared.total():9} {models.total():9} {unlisted.total():9}")


if __name__ == "__main__":
    main()
