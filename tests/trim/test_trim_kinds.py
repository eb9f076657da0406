"""Each kind of compaction: what it makes of a text, and that the text is got back to the byte."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trim_arrival_kit import arriving, called, conversation, documents, memo_of, outputs, result, sent, tables, words

from tokeneff.trim._reading import history_of
from tokeneff.trim.arrival._calls import calls_of, shows_a_file
from tokeneff.trim.kinds import LOSSLESS, LOSSY, Context, kinds_of
from tokeneff.trim.kinds._kind import nothing
from tokeneff.trim.kinds.json import minified

PLAIN = Context(count=words)


def made(name: str, text: str, context: Context = PLAIN) -> str | None:
    """What the kind makes of a text; that it is undone, where it can be without a vault."""
    (kind,) = kinds_of([name])
    edit = kind.edit(text, context)
    if edit is None:
        return None
    if edit.back:
        assert kind.undo(edit.text, json.loads(json.dumps(edit.back)), nothing) == text
    return edit.text


def test_all_kinds_are_there_and_say_what_they_do():
    kinds = kinds_of([*LOSSLESS, *LOSSY])
    assert {kind.name: kind.lossless for kind in kinds} == {
        **dict.fromkeys(LOSSLESS, True),
        **dict.fromkeys(LOSSY, False),
    }
    assert all(kind.why.endswith(".") for kind in kinds)
    with pytest.raises(ValueError, match="no kind of compaction 'zip'"):
        kinds_of(["zip"])


JSON = [
    ('{"a": 1, "b": [1, 2, {"c": "d, e: f"}], "g": null}', '{"a":1,"b":[1,2,{"c":"d, e: f"}],"g":null}'),
    (
        '{"big": 123456789012345678901, "n": 1.0, "m": 1e0, "n": -0, "e": "\\u00e9 \\" x"}',
        '{"big":123456789012345678901,"n":1.0,"m":1e0,"n":-0,"e":"\\u00e9 \\" x"}',
    ),
    (
        json.dumps([{"name": "é", "list": [1, 2]}] * 2, indent=2),
        '[{"name":"\\u00e9","list":[1,2]},{"name":"\\u00e9","list":[1,2]}]',
    ),
    ('{"a": 1, "b": 2, "c": }', None),
    ('{"a":1,"b":2}', None),
    (
        'first\n{"level": "info", "message": "one, two", "line": 1}\n{"level": "info", "message": "x", "line": 2}\n',
        'first\n{"level":"info","message":"one, two","line":1}\n{"level":"info","message":"x","line":2}\n',
    ),
    (
        'It says:\n```json\n{\n  "a": {\n    "b": [\n      1\n    ]\n  }\n}\n```\nbye [',
        'It says:\n```json\n{"a":{"b":[1]}}\n```\nbye [',
    ),
]


@pytest.mark.parametrize(("text", "expected"), JSON)
def test_json_loses_blanks_and_nothing_else(text: str, expected: str | None):
    assert made("json", text) == expected


def test_json_of_a_file_that_may_be_edited_stays():
    text = json.dumps({"dependencies": {"left-pad": "1.0", "right-pad": "2.0"}}, indent=2)
    assert made("json", text) is not None
    assert made("json", text, Context(count=words, tool="read_file", verbatim=True)) is None


@settings(max_examples=60, deadline=None)
@given(documents())
def test_json_is_minified_to_the_letter(text: str):
    pairs = {"object_pairs_hook": list, "parse_float": lambda raw: ("n", raw), "parse_int": lambda raw: ("n", raw)}
    assert json.loads(minified(text), **pairs) == json.loads(text, **pairs)
    made("json", text)


FLIGHTS = [
    {"flight": "HAT021", "date": None, "seats": {"economy": 15, "first": 1}, "prices": {"economy": 73.5}},
    {"flight": "HAT022", "date": "2024-05-26", "seats": {"economy": 2, "first": 0}, "prices": {"economy": 80}},
    {"flight": "HAT023", "date": "2024-05-27", "seats": {"economy": 3, "first": 9}, "prices": {"economy": 81}},
    {"flight": "HAT024", "date": "2024-05-27", "seats": {"economy": 3, "first": 9}, "prices": {"economy": 81}},
]


def test_a_table_says_its_keys_once():
    columns = '["flight","date","seats.economy","seats.first","prices.economy"]'
    rows = ('["HAT021",null,15,1,73.5]', '["HAT022","2024-05-26",2,0,80]', '["HAT023","2024-05-27",3,9,81]')
    last = '["HAT024","2024-05-27",3,9,81]'
    assert made("tables", minified(json.dumps(FLIGHTS))) == f'{{"columns":{columns},"rows":[{",".join(rows)},{last}]}}'
    grouped = minified(json.dumps([FLIGHTS[:2], FLIGHTS[2:]]))
    assert made("tables", grouped) == f'{{"columns":{columns},"groups":[[{rows[0]},{rows[1]}],[{rows[2]},{last}]]}}'
    inside = made("tables", minified(json.dumps({"from": "SEA", "flights": FLIGHTS})))
    assert inside is not None
    assert inside.startswith(f'{{"from":"SEA","flights":{{"columns":{columns},"rows":[')


@pytest.mark.parametrize(
    "value",
    [
        [*FLIGHTS, {"flight": "HAT025"}],
        [*FLIGHTS, dict(reversed(list(FLIGHTS[0].items())))],
        [{"columns": ["a"], "rows": [[1]]}] * 2,
        [{"a": 1}, {"a": 2}],
        [[1, 2], [3, 4]],
    ],
)
def test_what_is_no_table_stays(value: Any):
    assert made("tables", json.dumps(value, separators=(",", ":"))) is None


def test_numbers_that_python_would_write_otherwise_keep_a_table_as_it_is():
    text = minified(json.dumps(FLIGHTS)).replace("73.5", "7.35e1")
    assert made("tables", text) is None


@settings(max_examples=60, deadline=None)
@given(st.one_of(documents(), st.lists(tables, min_size=1).map(json.dumps)))
def test_tables_are_undone(text: str):
    made("tables", minified(text))


TERMINAL = [
    ("\x1b[1m\x1b[31merror\x1b[0m: no such file", "error: no such file"),
    ("10%\r20%\r100%\ndone", "100%\ndone"),
    ("downloading 10%\rok\x1b[K\n", "ok\n"),
    ("one\ntwo\n\x1b[2A\x1b[2Kuno\n\x1b[2Kdos\n", "uno\ndos\n"),
    ("abc\x08\x08xy", None),
    ("N\x08NA\x08AM\x08ME\x08E\n_\x08f_\x08i_\x08l_\x08e", "NAME\nfile"),
    ("wait /\x08-\x08\\\x08|\x08 \ndone", "wait  \ndone"),
    (
        "a 5%|# | 1/9 [00:01<00:09, ?it/s]\ra 50%|### | 4/9 [00:04<00:05, 1.1s/it]\r\nb",
        "a 50%|### | 4/9 [00:04<00:05, 1.1s/it]\nb",
    ),
    ("0% [Working]\r            \rHit:1 archive\n", "Hit:1 archive\n"),
    ("wait -\rwait \\\rwait |\rwait /\ndone", "wait /\ndone"),
    ("\r\x1b[KBuilding one\r\x1b[KBuilding two\n", "Building two\n"),
    ("10%\r20%\na,b\r1,2\r3,4", "20%\na,b\r1,2\r3,4"),
    ("\x1b[31mred\x1b[0m\na,b\r1,2\r3,4\n", "red\na,b\r1,2\r3,4\n"),
    ("\x1b[01;31m\x1b[Kitem\x1b[m\x1b[K 1\r\x1b[01;31m\x1b[Kitem\x1b[m\x1b[K 2\n", "item 1\ritem 2\n"),
    ("profit 10%\rprofit 7%\rprofit 12%\n", None),
    ("- one\r- two\r- three", None),
    ("\x1b]8;;https://a.example\x1b\\link\x1b]8;;\x1b\\", "link"),
    ("\x1b]0;title\x07text", "text"),
    ("\x1b[?25lhidden\x1b[?25h", "hidden"),
    ("\x1b[31mred\x1b[0m \x1b[5;10Hplaced", "red \x1b[5;10Hplaced"),
    ("plain\r\ntext", None),
]


@pytest.mark.parametrize(("text", "expected"), TERMINAL)
def test_what_a_terminal_shows_in_the_end(text: str, expected: str | None):
    assert made("terminal", text) == expected


_VALUES = st.one_of(st.integers(0, 999).map(str), st.sampled_from(["50%", "3 MB/s", "item", "x y", "-", "ETA 5", "é"]))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(_VALUES, min_size=2, max_size=4), min_size=2, max_size=9),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["", "\x1b[1mhead\x1b[0m\n", '{"csv":"x"}\n', "10%\r20%\n"]),
)
def test_no_record_is_lost_whose_line_ends_in_a_return_alone(records: list[list[str]], comma: str, head: str):
    lines = [comma.join(record) for record in records]
    shorter = made("terminal", head + "\r".join(lines))
    assert shorter is None or shorter.split("\n")[-1].split("\r") == lines


def test_blanks_at_ends_of_lines_and_empty_lines():
    assert made("blanks", "a  \r\nb\t\n\n\n\n\n\nc   ") == "a\nb\n\nc"
    assert made("blanks", "    a\n\n\n  b") is None
    assert made("blanks", "a  \nb", Context(verbatim=True)) is None


def test_binary_is_told_by_size_and_sort():
    picture = b"\x89PNG\r\n\x1a\n" + random.Random(7).randbytes(400)
    text = f'{{"image":"data:image/png;base64,{base64.b64encode(picture).decode()}","width":7}}'
    shorter = made("binary", text)
    assert shorter is not None
    assert shorter.startswith('{"image":"data:image/png;base64,[base64: 408 bytes, image/png, sha256 ')
    assert shorter.endswith(']","width":7}')
    noise = base64.encodebytes(random.Random(8).randbytes(3000)).decode()
    assert (made("binary", noise) or "").startswith("[base64: 3000 bytes, unknown, sha256 ")


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(random.Random(9).randbytes(600)).decode(),  # a cursor, maybe
        base64.b64encode(b"The quick brown fox jumps over the lazy dog. " * 80).decode(),
        "ACGT" * 800,
        "0123456789abcdef" * 200,
        "a" * 3000,
    ],
)
def test_what_may_be_read_or_handed_on_stays(text: str):
    assert made("binary", text) is None


def test_runs_are_counted():
    assert made("runs", f"<{'=' * 5000}>") == "<['=' 5000 times]>"
    assert made("runs", "start\n" + "waiting for the server\n" * 9 + "end") == (
        "start\nwaiting for the server\n[the line above 8 times more]\nend"
    )
    assert made("runs", "-" * 80 + "\na\nb") is None


def test_numbers_of_lines_are_not_aligned():
    text = "".join(f"{number:>6}\tx = {number}\n" for number in range(1, 13))
    assert (
        made("numbering", f"head\n{text}tail") == "head\n" + "".join(f"{n}\tx = {n}\n" for n in range(1, 13)) + "tail"
    )
    assert made("numbering", text + "7\tnot aligned") is None


def test_matches_stand_below_their_file():
    text = "src/a_b.py:1:one\nsrc/a_b.py:20:two\nsrc/a_b.py:300:three\nsrc/c.py:4:four\nBinary file matches"
    assert made("headings", text) == ("src/a_b.py\n1:one\n20:two\n300:three\n\nsrc/c.py:4:four\nBinary file matches")
    assert made("headings", "a: 1: b\nnot:a match") is None


@settings(max_examples=80, deadline=None)
@given(outputs())
def test_every_kind_that_needs_no_vault_undoes_itself(text: str):
    for name in LOSSLESS:
        made(name, text)


CODE = "\n".join(f"def function_{number}(value):\n    return value + {number} * 2" for number in range(40))
NUMBERED = "\n".join(f"{number:>6}→{line}" for number, line in enumerate(CODE.split("\n"), 1))


def test_a_file_that_is_read_again_is_referred_to():
    messages = conversation(("Read", {"file_path": "/a/b.py"}, NUMBERED), ("Read", {"file_path": "/a/b.py"}, NUMBERED))
    texts = sent(arriving(), messages)
    assert texts[2].startswith("1→def function_0(value):\n2→")
    assert texts[4] == '[identical to the result of Read {"file_path":"/a/b.py"} above]'


def test_of_a_file_that_was_changed_stay_the_lines_that_are_new():
    lines = CODE.split("\n")
    lines[40:41] = ["# one line", "# and another"]
    changed = "\n".join(f"{number:>6}→{line}" for number, line in enumerate(lines, 1))
    texts = sent(arriving(), conversation(("Read", {"path": "b.py"}, NUMBERED), ("Read", {"path": "b.py"}, changed)))
    assert texts[4] == (
        '[lines 1-40 identical to the result of Read {"path":"b.py"} above]\n41→# one line\n42→# and another\n'
        '[lines 43-81 identical to lines 42-80 of the result of Read {"path":"b.py"} above]'
    )


def test_what_the_model_wrote_itself_is_referred_to():
    texts = sent(
        arriving(), conversation(("write", {"path": "b", "content": CODE}, "ok"), ("sh", {"command": "cat b"}, CODE))
    )
    assert texts == {4: '[identical to content of write {"path":"b"} above]'}


def test_nothing_refers_to_what_is_gone():
    messages = conversation(("Read", {"path": "b.py"}, CODE), ("Read", {"path": "b.py"}, CODE))
    history = history_of("chat", {"messages": messages})
    assert history is not None
    assert arriving().arrive(history, "m").leans == {4: (2,)}
    assert arriving().arrive(history, "m", gone=[2]).texts == {}
    assert arriving().arrive(history, "m", gone=[("messages", 2, "content")]).texts == {}


BOOKING = {"id": "M61CQM", "user": "ethan_martin_2396", "notes": "window seat, vegetarian meal, " * 10, "paid": 598}


def test_an_object_that_changed_is_told_by_what_changed():
    changed = {**BOOKING, "paid": 13}
    texts = sent(
        arriving(),
        conversation(
            ("get_booking", {"id": "M61CQM"}, json.dumps(BOOKING)),
            ("change_booking", {"paid": 13}, json.dumps(changed)),
        ),
    )
    assert texts == {4: '[as the result of get_booking {"id":"M61CQM"} above, but with {"paid":13}]'}


@settings(max_examples=25, deadline=None)
@given(st.lists(outputs(), min_size=1, max_size=4), st.data())
def test_all_of_a_conversation_is_undone(texts: list[str], data: st.DataObject):
    twice = texts + [data.draw(st.sampled_from(texts)) for _ in range(2)]
    twice.append("\n".join(twice)[: data.draw(st.integers(0, 4000))])
    sent(arriving(), conversation(*(("tool", {"n": number}, text) for number, text in enumerate(twice))))


@pytest.mark.parametrize(
    ("tool", "arguments", "shows"),
    [
        ("Read", "{}", True),
        ("view", "{}", True),
        ("fs_read_file", "{}", True),
        ("str_replace_based_edit_tool", "{}", True),
        ("get_file_contents", "{}", True),
        ("bash", '{"command":"cd x && sed -n 1,5p a"}', True),
        ("Bash", '{"command":"git diff HEAD"}', True),
        ("Bash", '{"command":"pytest -q"}', False),
        ("get_user_details", '{"id":"cat 7"}', False),
        ("read_email", "{}", False),
        ("search", '{"query":"how to read_file"}', False),
        ("execute", '{"script":"cat a.py"}', True),
        ("execute", '{"script":"cd src\\ncat a.py"}', True),
        ("run_python", """{"code":"print(open('a.py').read())"}""", True),
        ("run_python", """{"code":"Path('a').read_text()"}""", True),
        ("node", """{"js":"fs.readFileSync('a')"}""", True),
        ("execute_bash", """{"command":"python -c 'print(open(1))'"}""", True),
        ("fs", '{"op":"read","path":"a"}', True),
        ("filesystem__load", '{"path":"a"}', True),
        ("fetch_file", '{"id":7}', True),
        ("retrieve", '{"path":"src/a.py"}', True),
        ("retrieve", '{"paths":["/a b/c.txt", "d"]}', True),
        ("retrieve", '{"where":"C:\\\\x\\\\a.txt:10-20"}', True),
        ("retrieve", "a.py", True),
        ("show", json.dumps({"note": "x" * 20_000, "path": "a.py"}), True),
        ("make", '{"command":"make test"}', False),
        ("Bash", '{"command":"./run.sh -x tests/test_a.py"}', False),
        ("shell", '{"command":["bash","-lc","pytest tests/test_a.py"]}', False),
        ("sh", '{"script":"pytest tests/test_a.py"}', False),
        ("get_user_profile", '{"email":"a.b@example.com","site":"example.com"}', False),
        ("fetch", '{"url":"https://docs.example.com/a.html"}', False),
        ("search", '{"query":"what type of cat is open (now) or in less than 3.5 days?"}', False),
        ("search_flights", '{"origin":"ATL","date":"2024-05-15","price":3.5}', False),
        ("glob", '{"pattern":"src/*.py"}', False),
        ("send", '{"text":"Hello. I am here.","model":"gpt-4.1"}', False),
    ],
)
def test_which_results_may_be_edited_by_their_characters(tool: str, arguments: str, shows: bool):
    assert shows_a_file(tool, arguments) is shows


def test_calls_of_each_dialect():
    block = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"path": "é"}}
    item = {"type": "function_call", "call_id": "call_0", "name": "Read", "arguments": '{"path":"a"}'}
    assert list(calls_of("chat", called(0, "Read", {"path": "a"}))) == [("call_0", "Read", '{"path": "a"}')]
    assert list(calls_of("messages", {"role": "assistant", "content": [block]})) == [
        ("toolu_1", "Read", '{"path":"é"}')
    ]
    assert list(calls_of("responses", item)) == [("call_0", "Read", '{"path":"a"}')]
    for strange in (None, 7, "text", {"tool_calls": 7}, {"content": [7]}, result(0, "x")):
        assert [found for dialect in ("chat", "messages", "responses") for found in calls_of(dialect, strange)] == []


def test_older_messages_and_kept_tools_stay_as_they_are():
    text = json.dumps({"a": list(range(200))})
    messages = conversation(("t", {}, text), ("keep", {}, text))
    messages.append({"role": "assistant", "content": "Done."})
    assert arriving().arrive(_history(messages), "m").texts == {}
    memo = memo_of()
    assert sorted(arriving(memo).arrive(_history(messages), "m", since=0).texts) == [
        ("messages", 2, "content"),
        ("messages", 4, "content"),
    ]
    assert sorted(arriving(memo).arrive(_history(messages), "m").texts) == [
        ("messages", 2, "content"),
        ("messages", 4, "content"),
    ]
    kept = arriving(memo, keep_tools=["keep"]).arrive(_history(messages), "m", since=0)
    assert list(kept.texts) == [("messages", 2, "content")]


def _history(messages: list[dict[str, Any]]) -> Any:
    return history_of("chat", {"messages": messages})


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[32mok\x1b[0m test number one\n" * 900,
        "downloading 10%\r" * 3000 + "done\n" + "x y z\n" * 3000,
        "a line that ends with blanks \t \t \t\n and another one\n" * 900,
        "waiting\n" * 4000,
    ],
)
def test_long_texts_are_not_counted_and_made_shorter_all_the_same(text: str):
    assert len(text) > 16_000
    (shorter,) = sent(arriving(), conversation(("run", {}, text))).values()
    assert words(shorter) + 16 <= words(text)
