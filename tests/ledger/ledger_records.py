"""Any record there can be."""

from __future__ import annotations

from hypothesis import strategies as st

from tokeneff._plain import sound
from tokeneff.ledger import CallRecord

_INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
_TEXTS = st.one_of(
    st.text(),
    st.text(alphabet=st.characters(exclude_categories=())),  # lone surrogates too
    st.sampled_from(["", "0", "ab", "AB", "deadbeef", "\0", "NULL", "'", "{}", "\ud83d\ude00", "\ud83d"]),
)
_FLOATS = st.floats(allow_nan=False)
_OF = {
    "str": _TEXTS,
    "int": _INTEGERS,
    "bool": st.booleans(),
    "int | None": st.none() | _INTEGERS,
    "float | None": st.none() | _FLOATS,
    "str | None": st.none() | _TEXTS,
    "tuple[tuple[str, int], ...]": st.lists(st.tuples(_TEXTS, _INTEGERS), max_size=4).map(tuple),
    "tuple[str, ...]": st.lists(_TEXTS, max_size=4).map(tuple),
    "tuple[tuple[str, str], ...]": st.dictionaries(_TEXTS.map(sound), _TEXTS, max_size=4).map(
        lambda tags: tuple(sorted(tags.items()))
    ),
    "tuple[tuple[str, str, int | None], ...]": st.lists(
        st.tuples(_TEXTS, _TEXTS, st.none() | _INTEGERS), max_size=3
    ).map(tuple),
}


def records() -> st.SearchStrategy[CallRecord]:
    """Any record."""
    kinds = {name: kind.__forward_arg__ for name, kind in CallRecord.__annotations__.items()}
    return st.tuples(*(_OF[kinds[name]] for name in CallRecord._fields)).map(CallRecord._make)


def as_kept(record: CallRecord) -> CallRecord:
    """The same with texts that UTF-8 can encode."""
    return CallRecord._make(_sound(value) for value in record)


def _sound(value: object) -> object:
    if isinstance(value, str):
        return sound(value)
    return tuple(map(_sound, value)) if isinstance(value, tuple) else value
