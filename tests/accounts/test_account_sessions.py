"""Which session a call belongs to, found by the messages that it repeats."""

from __future__ import annotations

import gc
import random
import threading
import weakref
from typing import Any

from accounts_kit import Provider, tool, turns, words
from hypothesis import given, settings
from hypothesis import strategies as st

from tokeneff.accounts._seen import Seen
from tokeneff.accounts._sessions import Sessions

SYSTEM = {"role": "system", "content": words(7, 400)}


def test_a_conversation_is_one_session_whatever_changes_in_its_head() -> None:
    provider = Provider()
    bodies: list[dict[str, Any]] = [
        {"messages": [SYSTEM, *turns(1)], "tools": [tool("a")]},
        {"messages": [SYSTEM, *turns(2)], "tools": [tool("a")]},
        {"messages": [{"role": "system", "content": "Other."}, *turns(3)], "tools": [tool("a")]},
        {"messages": [SYSTEM, *turns(4)], "tools": [tool("b"), tool("c")]},
        {"messages": turns(5)},
    ]
    accounts = [provider.call(body) for body in bodies]
    assert len({account.session for account in accounts}) == 1
    assert accounts[0].session
    causes = [account.prefix and account.prefix.cause for account in accounts]
    assert causes == ["first", "none", "system_changed", "tools_changed", "tools_changed"]


def test_other_messages_under_the_same_head_are_another_session() -> None:
    provider = Provider()
    main = provider.call({"messages": [SYSTEM, *turns(3)], "tools": [tool("a")]})
    helper = provider.call({"messages": [SYSTEM, *turns(1, seed=5)], "tools": [tool("a")]})
    helper_on = provider.call({"messages": [SYSTEM, *turns(2, seed=5)], "tools": [tool("a")]})
    main_on = provider.call({"messages": [SYSTEM, *turns(4)], "tools": [tool("a")]})
    assert main.session == main_on.session != helper.session == helper_on.session
    assert [a.prefix and a.prefix.cause for a in (main, helper, helper_on, main_on)] == [
        "first",
        "first",
        "none",
        "none",
    ]
    assert helper.prefix is not None
    assert helper.prefix.repeated > 400  # tools and system prompt were sent before, by the other session


def test_a_new_run_with_the_same_opening_is_a_new_session() -> None:
    provider = Provider()
    opening = [SYSTEM, *turns(1)]
    first = provider.call({"messages": [SYSTEM, *turns(6)]})
    second = provider.call({"messages": opening})
    assert first.session != second.session
    said = {"role": "assistant", "content": "something else"}
    branch = provider.call({"messages": [*opening, said, {"role": "user", "content": "what?"}]})
    assert branch.session == second.session
    assert branch.prefix is not None
    assert branch.prefix.cause == "none"


def test_runs_of_one_agent_in_which_the_model_said_different_things_are_sessions_of_their_own() -> None:
    provider = Provider()
    accounts = [
        provider.call(
            {
                "messages": [
                    SYSTEM,
                    *turns(1),
                    {"role": "assistant", "content": words(run + 90, 20)},
                    {"role": "user", "content": words(run + 95, 20)},
                ]
            }
        )
        for run in range(2)
    ]
    assert accounts[0].session != accounts[1].session


def test_what_was_gone_on_from_is_not_kept_beside_what_goes_on() -> None:
    provider, sessions = Provider(), Sessions()
    for turn in range(1, 6):
        place = sessions.place(seen_of(provider, turns(turn)))
    assert place.related
    assert len(place.session.recent) == 1


def test_questions_after_the_same_examples_are_sessions_of_their_own() -> None:
    provider = Provider()
    examples = [SYSTEM, *turns(4)[:-1]]
    accounts = [provider.call({"messages": [*examples, {"role": "user", "content": words(n, 5)}]}) for n in range(3)]
    assert len({account.session for account in accounts}) == 3
    assert [account.prefix and account.prefix.lost for account in accounts] == [0, 0, 0]


def test_two_prompts_about_one_text_are_no_session_but_one_with_the_time_in_it_is() -> None:
    text = {"role": "user", "content": words(1, 500)}
    provider = Provider()
    first = provider.call({"messages": [{"role": "system", "content": "Summarise.\nBriefly."}, text]})
    other = provider.call({"messages": [{"role": "system", "content": "Translate.\nInto French."}, text]})
    assert first.session != other.session
    timed = "Answer politely.\nIt is 10:0{}:00 now.\nBe brief.\nBe kind."
    before, after = (
        provider.call({"messages": [{"role": "system", "content": timed.format(n)}, text]}) for n in range(2)
    )
    assert before.session == after.session
    assert after.prefix is not None
    assert (after.prefix.cause, after.prefix.detail) == ("system_changed", "system prompt differs at line 2: a time")


def test_context_that_is_taken_out_again_leaves_the_session_what_it_is() -> None:
    provider, sessions, details = Provider(), set[str | None](), list[str]()
    history: list[dict[str, Any]] = turns(2)[:-1]
    for turn in range(4):
        question = {"role": "user", "content": f"question {turn}"}
        looked_up = {"role": "user", "content": f"question {turn}\n\n{words(turn + 50, 300)}"}
        account = provider.call({"messages": [SYSTEM, *history, looked_up]})
        history = [*history, question, {"role": "assistant", "content": f"answer {turn}"}]
        sessions.add(account.session)
        assert account.prefix is not None
        details.append(f"{account.prefix.cause} {account.prefix.position}")
    assert len(sessions) == 1
    assert details == ["first None", "edited 2", "edited 4", "edited 6"]


def test_a_retry_and_a_step_back_stay_in_the_session() -> None:
    provider = Provider()
    whole = provider.call({"messages": [SYSTEM, *turns(4)]})
    retry = provider.call({"messages": [SYSTEM, *turns(4)]})
    back = provider.call({"messages": [SYSTEM, *turns(3)]})
    assert whole.session == retry.session == back.session
    assert [a.prefix and a.prefix.cause for a in (retry, back)] == ["none", "shortened"]
    assert back.prefix is not None
    assert back.prefix.lost == 0


def test_the_callers_own_name_is_the_session() -> None:
    provider = Provider(session="chat 17")
    first = provider.call({"messages": turns(1)})
    edited = provider.call({"messages": [{"role": "user", "content": "other"}, *turns(2)[1:]]})
    summed_up = provider.call({"messages": [{"role": "user", "content": "In short: …"}]})
    assert {first.session, edited.session, summed_up.session} == {"chat 17"}
    assert [a.prefix and a.prefix.cause for a in (first, edited, summed_up)] == ["first", "edited", "shortened"]
    assert provider.call({"messages": turns(3)}, session="chat 18").session == "chat 18"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=6), st.randoms(use_true_random=False), st.booleans())
def test_interleaved_conversations_are_told_apart(lengths: list[int], chance: random.Random, close: bool) -> None:
    """Each conversation keeps one id of its own, however their calls are mixed and whether or not they are closed."""
    schedule = [which for which, length in enumerate(lengths) for _ in range(length)]
    chance.shuffle(schedule)
    provider, done, ids = Provider(), [0] * len(lengths), [set[str | None]() for _ in lengths]
    for which in schedule:
        done[which] += 1
        opened = provider.open({"messages": [SYSTEM, *turns(done[which], seed=which, size=20)]})
        ids[which].add(opened.session)
        if close:
            account = provider.close(opened)
            assert account.prefix is not None
            assert account.prefix.cause == ("first" if done[which] == 1 else "none")
    assert [len(found) for found in ids] == [1] * len(lengths)
    assert len(set[str | None]().union(*ids)) == len(lengths)


def test_models_that_take_turns_each_have_their_own_cache() -> None:
    provider = Provider()
    models = ["gpt-4.1", "gpt-4.1-mini", "gpt-4.1", "gpt-4.1-mini"]
    accounts = [provider.call({"messages": [SYSTEM, *turns(n + 1)]}, model=model) for n, model in enumerate(models)]
    assert len({account.session for account in accounts}) == 1
    causes = [account.prefix and account.prefix.cause for account in accounts]
    assert causes == ["first", "model_changed", "none", "none"]


def test_a_conversation_that_the_model_opens() -> None:
    provider = Provider()
    first = provider.call({"messages": [SYSTEM]})
    greeting = {"role": "assistant", "content": "Hello!"}
    second = provider.call({"messages": [SYSTEM, greeting, {"role": "user", "content": "Hi"}]})
    other = provider.call({"messages": [SYSTEM]})
    assert first.session == second.session != other.session
    assert second.prefix is not None
    assert second.prefix.cause == "none"


def test_a_call_that_failed_is_not_what_the_next_one_is_compared_with() -> None:
    from tokeneff._flow import UNKNOWN, Facts

    provider = Provider()
    first = provider.call({"messages": [SYSTEM, *turns(2)]}, cache_read=0)
    failed = provider.open({"messages": [SYSTEM, *turns(3)]})
    provider.accounts.close(failed, UNKNOWN, Facts(), provider.now)
    again = provider.call({"messages": [SYSTEM, *turns(3)]}, cache_read=0)
    assert again.session == first.session == failed.session
    assert first.input is not None
    assert again.prefix is not None
    assert (again.prefix.cause, again.prefix.repeated) == ("missed", sum(first.input))


def test_nothing_of_the_request_is_kept() -> None:
    class Body(dict[str, Any]):
        pass

    provider = Provider()
    body = Body(messages=[Body(role="user", content="hi")])
    alive = [weakref.ref(body), weakref.ref(body["messages"][0])]
    opened = provider.open(body)
    del body
    gc.collect()
    assert [ref() for ref in alive] == [None, None]
    provider.close(opened)


def test_parallel_calls_from_many_threads() -> None:
    provider = Provider()
    found: list[set[str | None]] = [set() for _ in range(8)]
    barrier = threading.Barrier(8)

    def talk(which: int) -> None:
        barrier.wait()
        for turn in range(1, 12):
            messages = [SYSTEM, *turns(turn, seed=which, size=10)]
            both = [provider.open({"messages": messages}) for _ in range(2)]
            found[which].update(provider.close(opened).session for opened in reversed(both))

    threads = [threading.Thread(target=talk, args=(which,)) for which in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(ids) for ids in found] == [1] * 8
    assert len(set[str | None]().union(*found)) == 8


def seen_of(provider: Provider, messages: list[dict[str, Any]]) -> Seen:
    opened = provider.open({"messages": messages})
    assert opened.prompt is not None
    return Seen(opened.prompt, "gpt-4.1", "openai", 0.0)


def test_memory_is_bounded_and_the_least_recently_used_are_forgotten() -> None:
    provider = Provider()
    sessions = Sessions(most=10, most_weight=10_000)
    first = sessions.place(seen_of(provider, turns(2, seed=0, size=3))).session
    for seed in range(1, 12):
        sessions.place(seen_of(provider, turns(2, seed=seed, size=3)))
    eleventh = sessions.place(seen_of(provider, turns(3, seed=11, size=3)))
    assert eleventh.related
    again = sessions.place(seen_of(provider, turns(3, seed=0, size=3)))
    assert not again.related
    assert again.session.id != first.id


def test_a_history_that_slides_for_ever_takes_no_more_room() -> None:
    provider = Provider()
    sessions = Sessions(most=10, most_weight=1_000_000)
    history = turns(30, size=2)
    sizes: list[int] = []
    for turn in range(30, 3000):
        history = [*history[2:], {"role": "assistant", "content": f"a{turn}"}, {"role": "user", "content": f"u{turn}"}]
        place = sessions.place(seen_of(provider, history))
        sizes.append(len(place.session.keys))
    assert max(sizes[1000:]) < 2_000
    assert place.related
