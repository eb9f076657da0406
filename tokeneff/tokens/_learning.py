"""What providers' own counts teach."""

from __future__ import annotations

from tokeneff.tokens._prompt import Prompt


class Learning:
    """Provisional."""

    def __init__(self) -> None:
        self._ratio: dict[tuple[str, str, str], float] = {}

    def expected(self, prompt: Prompt, model: str, provider: str, session: str | None) -> tuple[int, float]:
        ratio = self._ratio.get((provider, model, prompt.encoding), 1.0)
        return round(prompt.tokens * ratio), 0.02 if prompt.exact else 0.25

    def learn(self, prompt: Prompt, model: str, provider: str, input_tokens: int, session: str | None) -> None:
        if prompt.tokens > 0:
            ratio = min(3.0, max(0.3, input_tokens / prompt.tokens))
            key = (provider, model, prompt.encoding)
            self._ratio[key] = 0.8 * self._ratio.get(key, ratio) + 0.2 * ratio
