"""What tokens cost: provider prices, and the user's own, in integers of a billionth of a dollar.

    >>> from tokeneff.prices import Prices, Tokens
    >>> prices = Prices()                    # or Prices("prices.toml"), or TOKENEFF_PRICES=prices.toml
    >>> tokens = Tokens(input_tokens=1200, output_tokens=80, cache_read=1024)
    >>> cost = prices.cost(tokens, model="gpt-5", provider="openai", host="api.openai.com")
    >>> cost.nano_usd, cost.source, cost.confidence
    (1148000, 'genai-prices', 'listed')

The base is the price list of the package genai-prices; over it lie the corrections that come with tokeneff
(``corrections.toml``, each with the price page that it is from), and over these a file of the user's own: contract
prices, self-hosted models, models that no list has. That file is read once, when :class:`Prices` is made::

    version = "2026-11"               # said with each cost; without it, the day on which the file was changed

    [[model]]                         # a price of one's own, in dollars per million tokens
    name = "acme-7b*"                 # as the provider names it; * and ? as in file names; or a list of names
    host = "llm.acme.internal"        # optional: the endpoint's host name, with * and ?
    input = 0.50
    cache_read = 0.05
    output = 1.50
    steps = [{ above = 200_000, input = 1.00, cache_read = 0.10, output = 2.25 }]   # calls with more input than this

    [[model]]                         # a discount on everything that a provider lists
    name = "*"
    provider = "openai"               # gen_ai.provider.name, as on the spans
    multiplier = 0.85
    from = 2026-01-01                 # optional, both: the first day, and the first day no longer (UTC)
    until = 2027-01-01

    [[model]]                         # self-hosted
    name = "qwen*"
    provider = "ollama"
    free = true

Prices are ``input``, ``cache_read``, ``cache_write``, ``cache_write_1h``, ``output``, ``reasoning`` (where it differs
from output), ``input_audio``, ``cache_read_audio``, ``output_audio``, ``input_image``, ``cache_read_image``,
``output_image``. A table with ``input`` or ``output`` stands alone: what it leaves out has no price, costs as the
plain tokens do, and the cost is then ``assumed``. A table with neither adds to, or replaces in, what is listed.
``context_window`` and ``max_output``, in tokens, are what budgets take the model to read and to say at most.
``tier = "batch"`` (or ``flex``, ``priority``, ``standard``) confines a table to these calls. Of several tables that
fit, later ones are applied over earlier ones. Wrong files are refused with a :class:`tokeneff.errors.PricesError`
that names the table, the key, and what to write.
"""

from __future__ import annotations

from tokeneff._flow import Tokens
from tokeneff.prices._cost import Confidence, Cost
from tokeneff.prices._prices import Prices
from tokeneff.prices._rates import Rates

__all__ = ["Confidence", "Cost", "Prices", "Rates", "Tokens"]
