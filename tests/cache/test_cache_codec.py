"""A kept reply as bytes: what was packed comes back whole, and whatever else there is, is a miss."""

from __future__ import annotations

import base64
import builtins
import json
import struct
import subprocess
import sys
import tracemalloc
import zlib
from hashlib import blake2b
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokeneff.cache._codec import LIMIT, VERSION, Codec
from tokeneff.cache._reply import Reply, Worth
from tokeneff.errors import StoreError

KEY, OTHER = b"k" * 32, b"o" * 32
ONE, TWO, THREE = (base64.b64encode(bytes([number]) * 32).decode() for number in range(3))
WORTH = Worth("openai.chat", "gpt-5-mini", 1200, 300, 910_000, 2.5)
REPLY = Reply("json", (("content-type", "application/json"),), b'{"id":"chatcmpl-1"}', worth=WORTH)
CODECS = {"plain": Codec(), "sealed": Codec((ONE,))}

counts = st.none() | st.integers(0, 2**63)
replies = st.builds(
    lambda form, headers, body, cuts, times, asked, worth: Reply(
        form, tuple(headers), body, tuple(sorted(cut % (len(body) + 1) for cut in cuts)), tuple(times), asked, worth
    ),
    st.sampled_from(["json", "sse", "bytes"]),
    st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=4),
    st.binary(max_size=3000) | st.binary(min_size=1, max_size=20).map(lambda part: part * 500),
    st.lists(st.integers(0, 10**6), max_size=10),
    st.lists(st.integers(0, 2**53), max_size=10),
    st.dictionaries(
        st.text(max_size=9), st.none() | st.booleans() | st.integers() | st.lists(st.text(max_size=9)), max_size=3
    ),
    st.builds(
        Worth,
        st.none() | st.text(),
        st.text(),
        counts,
        counts,
        counts,
        st.none() | st.floats(0, 1e9) | st.integers(0, 10**6),
        st.booleans(),
    ),
)


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest) -> Codec:
    return CODECS[request.param]


@given(replies, st.binary(min_size=32, max_size=32), st.sampled_from(sorted(CODECS)))
def test_what_was_packed_comes_back(reply: Reply, key: bytes, kind: str) -> None:
    codec = CODECS[kind]
    assert codec.unpack(key, codec.pack(key, reply)) == reply


@given(replies, st.sampled_from(sorted(CODECS)), st.data())
def test_one_changed_byte_is_a_miss(reply: Reply, kind: str, data: st.DataObject) -> None:
    codec = CODECS[kind]
    value = bytearray(codec.pack(KEY, reply))
    value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
    assert codec.unpack(KEY, bytes(value)) is None


@given(replies, st.sampled_from(sorted(CODECS)), st.data())
def test_a_value_that_was_cut_or_has_more_is_a_miss(reply: Reply, kind: str, data: st.DataObject) -> None:
    codec = CODECS[kind]
    value = codec.pack(KEY, reply)
    assert codec.unpack(KEY, value[: data.draw(st.integers(0, len(value) - 1))]) is None
    assert codec.unpack(KEY, value + data.draw(st.binary(min_size=1, max_size=40))) is None


@given(st.binary(max_size=200), st.sampled_from(sorted(CODECS)))
def test_anything_else_is_a_miss(value: bytes, kind: str) -> None:
    assert CODECS[kind].unpack(KEY, value) is None
    assert CODECS[kind].unpack(KEY, b"tknr" + value) is None
    assert CODECS[kind].unpack(KEY, b"tknr\x01" + value) is None


def test_a_value_under_another_key_is_foreign(codec: Codec) -> None:
    value = codec.pack(KEY, REPLY)
    assert codec.unpack(OTHER, value) is None
    assert codec.unpack(KEY, value) == REPLY


def test_a_value_of_another_version_is_a_miss(codec: Codec) -> None:
    value = bytearray(codec.pack(KEY, REPLY))
    assert value[4] == VERSION
    for version in (0, VERSION + 1, 255):
        value[4] = version
        assert codec.unpack(KEY, bytes(value)) is None


def test_streams_are_kept_small() -> None:
    events = b"".join(b'data: {"object":"chat.completion.chunk","choices":[{"delta":%d}]}\n\n' % n for n in range(500))
    reply = Reply("sse", (), events, tuple(range(0, len(events), 64)), tuple(range(0, 10**7, 20_000)))
    assert len(Codec().pack(KEY, reply)) < len(events) / 5
    assert len(Codec((ONE,)).pack(KEY, reply)) < len(events) / 5


def test_what_does_not_shrink_is_kept_as_it_is() -> None:
    noise = b"".join(blake2b(bytes([n])).digest() for n in range(100))
    value = Codec().pack(KEY, Reply("bytes", (), noise))
    assert noise in value
    assert len(value) < len(noise) + 300


def forged(
    facts: object, body: bytes = b"", *, key: bytes = KEY, size: int | None = None, deflate: bool = False
) -> bytes:
    """A value with a right checksum: by somebody who can write to the store, and knows how."""
    told = facts if isinstance(facts, bytes) else json.dumps(facts).encode()
    plain = struct.pack("!I", len(told)) + told + body
    head = struct.pack("!4sBBQ", b"tknr", VERSION, int(deflate), len(plain) if size is None else size)
    content = zlib.compress(plain, 9) if deflate else plain
    made = blake2b(head, digest_size=16, key=key)
    made.update(content)
    return head + made.digest() + content


SOUND: dict[str, Any] = {"form": "json", "headers": [], "cuts": [], "times": [], "asked": {}, "worth": {}}


def test_forged_values_would_be_read() -> None:
    assert Codec().unpack(KEY, forged(SOUND, b"{}")) == Reply("json", (), b"{}")
    assert Codec().unpack(KEY, forged(SOUND, b"{}" * 999, deflate=True)) == Reply("json", (), b"{}" * 999)


@pytest.mark.parametrize("size", [None, LIMIT, 2**63, 0, 10])
def test_no_value_inflates_beyond_what_it_says_and_the_limit(size: int | None) -> None:
    bomb = forged(SOUND, bytes(64 * 1024 * 1024), size=size, deflate=True)
    codec = Codec(limit=16 * 1024 * 1024)
    tracemalloc.start()
    assert codec.unpack(KEY, bomb) is None
    assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
    tracemalloc.stop()


def test_a_reply_beyond_the_limit_is_kept_as_it_is() -> None:
    codec, reply = Codec(limit=1000), Reply("bytes", (), bytes(5000))
    assert codec.unpack(KEY, codec.pack(KEY, reply)) == reply


@pytest.mark.parametrize(
    "wrong",
    [
        {"form": "pickle"},
        {"form": ["json"]},
        {"headers": [["one"]]},
        {"headers": [["name", 1]]},
        {"headers": "ab"},
        {"cuts": [5]},
        {"cuts": [2, -1]},
        {"cuts": [-1]},
        {"cuts": [1.0]},
        {"cuts": [True]},
        {"times": ["1"]},
        {"times": None},
        {"asked": []},
        {"worth": []},
        {"worth": {"input_tokens": -1}},
        {"worth": {"cost": 1.5}},
        {"worth": {"seconds": float("nan")}},
        {"worth": {"model": None}},
        {"worth": {"estimated": 1}},
        {"worth": None},
    ],
    ids=str,
)
def test_facts_that_are_none(wrong: dict[str, object]) -> None:
    assert Codec().unpack(KEY, forged(SOUND | wrong, b"{}")) is None


@pytest.mark.parametrize(
    "facts", [b"", b"{", b"[]", b"null", b"[" * 100_000, b"1" * 10_000, b"\xff", b"{}"], ids=lambda told: str(told[:5])
)
def test_facts_that_are_no_json_of_ours(facts: bytes) -> None:
    assert Codec().unpack(KEY, forged(facts)) is None


def test_facts_of_a_later_format_may_have_more() -> None:
    assert Codec().unpack(KEY, forged(SOUND | {"new": 1, "worth": {"model": "m", "new": 2}})) == Reply(
        "json", (), b"", worth=Worth(model="m")
    )


def test_a_length_that_points_outside() -> None:
    plain = struct.pack("!I", 2**32 - 1) + b"{}"
    head = struct.pack("!4sBBQ", b"tknr", VERSION, 0, len(plain))
    made = blake2b(head, digest_size=16, key=KEY)
    made.update(plain)
    assert Codec().unpack(KEY, head + made.digest() + plain) is None


def test_sealed_values_tell_nothing() -> None:
    secret = b"the patient's name is Ada"
    value = Codec((ONE,)).pack(KEY, Reply("bytes", (("x-secret", "Ada"),), secret))
    assert b"Ada" not in value
    assert base64.b64decode(ONE) not in value
    assert Codec((ONE,)).pack(KEY, REPLY) != Codec((ONE,)).pack(KEY, REPLY), "each has a nonce of its own"


def test_keys_are_changed_one_after_the_other() -> None:
    old, both, new = Codec((ONE,)), Codec((TWO, ONE)), Codec((TWO,))
    value = old.pack(KEY, REPLY)
    assert both.unpack(KEY, value) == REPLY
    assert new.unpack(KEY, value) is None
    assert new.unpack(KEY, both.pack(KEY, REPLY)) == REPLY, "the first one seals"
    assert old.unpack(KEY, both.pack(KEY, REPLY)) is None
    assert Codec((THREE, TWO, ONE)).unpack(KEY, value) == REPLY


def test_with_keys_only_sealed_values_are_read_and_without_them_none() -> None:
    assert Codec((ONE,)).unpack(KEY, Codec().pack(KEY, REPLY)) is None
    assert Codec().unpack(KEY, Codec((ONE,)).pack(KEY, REPLY)) is None


@pytest.mark.parametrize("key", ["", "short", base64.b64encode(bytes(31)).decode(), "!" * 44, ONE + "AAAA", 5, None])
def test_bad_keys_are_said_at_once_and_not_shown(key: object) -> None:
    with pytest.raises(StoreError, match="key number 2 of a cache is not 32 bytes as base64") as raised:
        Codec((ONE, key))  # type: ignore[arg-type]
    assert "short" not in str(raised.value)


def test_keys_that_are_no_tuple_or_are_there_twice() -> None:
    with pytest.raises(StoreError, match="a tuple of texts"):
        Codec(ONE)
    with pytest.raises(StoreError, match="twice"):
        Codec((ONE, TWO, ONE))


def test_keys_of_either_alphabet() -> None:
    raw = b"\xfb\xff" * 16
    plain, web = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()
    assert plain != web
    assert Codec((web.rstrip("="),)).unpack(KEY, Codec((plain,)).pack(KEY, REPLY)) == REPLY


def test_no_key_is_shown() -> None:
    assert repr(Codec((ONE,))) == "Codec(1 keys)"


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def refused(name: str, *args: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return imported(name, *args)

    monkeypatch.setattr(builtins, "__import__", refused)
    with pytest.raises(StoreError, match=r"pip install 'tokeneff\[encryption\]'"):
        Codec((ONE,))
    assert Codec().unpack(KEY, Codec().pack(KEY, REPLY)) == REPLY


def test_nothing_is_loaded_that_is_not_asked_for() -> None:
    code = (
        "import sys; from tokeneff.cache._codec import Codec; Codec();"
        "assert not {'cryptography', 'sqlite3', 'redis', 'pickle', 'openai', 'httpx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
