"""Which labels are meant by others."""

from __future__ import annotations

from tokeneff.cache.stores._contract import Labels


def meant(asked: Labels, labels: Labels) -> bool:
    """Whether what has ``labels`` is asked for: what is empty is not looked at, and tags asked for have to be there.

    >>> meant(Labels(model="gpt-5"), Labels("gpt-5", "tenant=acme"))
    True
    """
    return (
        asked.model in ("", labels.model)
        and asked.scope in ("", labels.scope)
        and all(tag in labels.tags for tag in asked.tags)
    )
