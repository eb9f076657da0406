"""Providers' prompt caches: what they make of a request, and what to ask of them."""

from __future__ import annotations

from tokeneff.promptcache._engines import Entry, Split, State, serve, told
from tokeneff.promptcache._pieces import Mark, Pieces, pieces_of
from tokeneff.promptcache._rules import Rule, rule_of

__all__ = ["Entry", "Mark", "Pieces", "Rule", "Split", "State", "pieces_of", "rule_of", "serve", "told"]
