"""A cache that answers questions put in other words, and is verified to: see :class:`tokeneff.Semantic`."""

from tokeneff.cache.semantic._answers import Answer, equal
from tokeneff.cache.semantic._index import Index, index_of
from tokeneff.cache.semantic._journal import Journal, forget, journal_of
from tokeneff.cache.semantic._neighbourhoods import Consideration, Neighbourhoods
from tokeneff.cache.semantic._semantic import Semantic

__all__ = [
    "Answer",
    "Consideration",
    "Index",
    "Journal",
    "Neighbourhoods",
    "Semantic",
    "equal",
    "forget",
    "index_of",
    "journal_of",
]
