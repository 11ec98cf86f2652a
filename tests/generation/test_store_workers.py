"""Workers of one store: who asks what, who may spend what, and who is dead."""

import threading

import pytest

from pipelines.generation.store import Looked, ReplyStore, Worker, is_batch, owners
from schemas.errors import GenerationError
from tests.generation.stores import entry, failed, owner_row, set_owner


def test_a_key_is_claimed_once_until_it_is_answered_or_released(any_store: ReplyStore) -> None:
    with any_store.worker("p", 1.0) as one, any_store.worker("q", 1.0) as two:
        assert one.look(["c", "a", "b", "a"]) == Looked({}, {"a", "b", "c"}, {})
        assert two.look(["a", "d"]) == Looked({}, {"d"}, {"a": one.id})
        assert one.look(["a", "e"]) == Looked({}, {"e"}, {"a": one.id}), "a repeat is in flight already"
        one.save([entry("a"), failed("b")])
        one.release(["c"])
        assert two.look("abce") == Looked({"a": "", "b": "HTTP 400: no"}, {"c"}, {"e": one.id})
    with any_store.worker("r", 1.0) as three:
        assert three.look("abcde") == Looked({"a": "", "b": "HTTP 400: no"}, {"c", "d", "e"}, {})


def test_failures_are_claimed_again_where_they_are_retried(any_store: ReplyStore) -> None:
    with any_store.worker("p", 1.0) as one, any_store.worker("q", 1.0) as two:
        one.save([entry("a"), failed("b"), failed("c")])
        assert one.look("ab", retry_failed=True) == Looked({"a": ""}, {"b"}, {})
        assert two.look("abc", retry_failed=True) == Looked({"a": ""}, {"c"}, {"b": one.id})
        one.save([entry("b")])
        assert two.look("b", retry_failed=True) == Looked({"b": ""}, set(), {})


def test_a_worker_takes_only_its_own_claims_back(any_store: ReplyStore) -> None:
    with any_store.worker("p", 1.0) as one, any_store.worker("q", 1.0) as two:
        one.look(["a"])
        two.release(["a"])
        two.save([entry("other")])
        assert two.look(["a"]).elsewhere == {"a": one.id}


@pytest.mark.parametrize(
    "death",
    [
        pytest.param({"expires": 1.0}, id="lease run out"),
        pytest.param({"pid": 2**22 + 1}, id="process gone"),
        pytest.param({"process": "1"}, id="another process has its number"),
    ],
)
def test_claims_of_the_dead_are_taken_over_for_good(any_store: ReplyStore, death: dict[str, object]) -> None:
    with any_store.worker("p", 1.0) as dead, any_store.worker("q", 1.0) as live:
        dead.look("abc")
        set_owner(any_store, dead.id, **death)
        assert live.look("bcd") == Looked({}, set("bcd"), {})
        with pytest.raises(GenerationError, match="longer than its lease") as caught:
            dead.look("ax")
        assert "same command" in caught.value.hint
        assert dead.lapsed()
        assert dead.lost()
        assert live.look("a").claimed == {"a"}, "all of its claims have ended"
        dead.save([entry("b", text="late but paid for")])
        assert live.look("bcd") == Looked({"b": ""}, set(), {"c": live.id, "d": live.id})
        assert not live.lapsed()


def test_a_process_of_another_machine_is_not_judged_by_its_number(any_store: ReplyStore) -> None:
    with any_store.worker("p", 1.0) as far, any_store.worker("p", 1.0) as near:
        far.look("a")
        set_owner(any_store, far.id, place="elsewhere", pid=2**22 + 1)
        assert near.look("a").elsewhere == {"a": far.id}
        set_owner(any_store, far.id, expires=1.0)
        assert near.look("a").claimed == {"a"}


def test_a_lease_is_over_when_the_machine_has_slept_and_is_renewed_if_nobody_took_over(
    store: ReplyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(owners, "_ticking", lambda: now[0])
    with store.worker("p", 1.0, lease_s=60.0) as worker:
        worker.look("a")
        now[0] += 47.0
        assert not worker.lapsed()
        now[0] += 3.0
        assert worker.lapsed()
        assert worker.look("b").claimed == {"b"}, "it reached the store before anybody else wanted its keys"
        assert not worker.lapsed()
        assert not worker.lost()


def test_the_lease_is_renewed_by_a_thread_that_learns_of_the_peers(any_store: ReplyStore) -> None:
    with any_store.worker("p", 1.0, lease_s=0.4) as one:
        assert one.peers() == 1
        first = owner_row(any_store, one.id).expires
        with any_store.worker("p", 1.0) as two, any_store.worker("other", 1.0) as other:
            assert (two.peers(), other.peers()) == (2, 1)
            _until(lambda: one.peers() == 2)
            _until(lambda: owner_row(any_store, one.id).expires > first)
        _until(lambda: one.peers() == 1)
    assert owner_row(any_store, one.id).ended is not None
    assert not any(thread.name.startswith("lease") for thread in threading.enumerate())


def test_a_purse_and_the_store_have_limits(any_store: ReplyStore) -> None:
    with any_store.worker("p", 1.0, total_usd=1.5) as one, any_store.worker("p", 1.0, total_usd=1.5) as two:
        assert one.draw(0.5, 0.6) == 0.6
        assert two.draw(0.5, 0.6) == 0.0, "only 0.4 are left"
        assert two.draw(0.1, 0.6) == pytest.approx(0.4)
        one.give_back(0.3)
        assert two.draw(0.1, 0.2) == 0.2
        one.save([entry("a", cost_usd=0.25, at_risk_usd=0.02)])
        one.at_risk(0.03)
        with any_store.worker("q", 5.0, total_usd=1.5) as three:
            assert three.draw(0.0, 5.0) == pytest.approx(1.5 - 0.3 - 0.6)
            assert three.draw(0.0, 5.0) == 0.0
        assert two.draw(0.0, 1.0) == pytest.approx(0.1)
    with any_store.worker("p", 1.0) as last:
        assert last.draw(0.0, 9.0) == pytest.approx(0.7), "what was spent or may be charged is gone, the rest is not"


def test_what_a_dead_worker_drew_counts_as_spent(any_store: ReplyStore) -> None:
    with any_store.worker("p", 1.0) as live, any_store.worker("p", 1.0) as dead:
        dead.look("a")
        assert dead.draw(0.7, 0.7) == 0.7
        set_owner(any_store, dead.id, expires=1.0)
        assert live.look("a").claimed == {"a"}
        assert live.draw(0.1, 1.0) == pytest.approx(0.3)
        assert dead.draw(0.1, 1.0) == 0.0
        dead.save([entry("z", cost_usd=0.2)])
        assert live.draw(0.1, 1.0) == 0.0
        dead.close()
        assert live.draw(0.1, 1.0) == pytest.approx(0.5), "it has come back to say what it had not spent"


def test_a_batch_keeps_its_keys_and_dollars_until_it_ends(any_store: ReplyStore) -> None:
    with any_store.worker("p", 1.0) as worker:
        worker.look("abc")
        worker.draw(0.9, 0.9)
        batch = worker.hand_over(["a", "b"], 0.5, "batch_abc123")
        assert is_batch(batch)
        assert not is_batch(worker.id)
    with any_store.worker("p", 1.0) as other:
        assert other.look("abc") == Looked({}, {"c"}, {"a": batch, "b": batch})
        assert other.draw(0.0, 1.0) == pytest.approx(0.5)
        owner = any_store.owner(batch)
        owner.save([entry("a", cost_usd=0.1)])
        assert other.look("ab") == Looked({"a": ""}, set(), {"b": batch})
        owner.end()
        assert other.look("b").claimed == {"b"}
        assert other.draw(0.0, 1.0) == pytest.approx(0.4)


def test_only_what_is_held_can_be_handed_over(any_store: ReplyStore) -> None:
    with any_store.worker("p", 1.0) as worker:
        worker.look("ab")
        worker.draw(0.5, 0.5)
        with pytest.raises(GenerationError):
            worker.hand_over(["a", "x"], 0.5)
        assert worker.look("a").elsewhere == {"a": worker.id}
        assert worker.draw(0.6, 0.6) == 0.0, "and the dollars have stayed too"


def test_a_worker_is_closed_by_an_exception(any_store: ReplyStore) -> None:
    def fails() -> None:
        with any_store.worker("p", 1.0) as worker:
            worker.look("a")
            worker.draw(1.0, 1.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    with any_store.worker("p", 1.0) as next_one:
        assert next_one.look("a").claimed == {"a"}
        assert next_one.draw(1.0, 1.0) == 1.0


def test_threads_of_one_process_never_share_a_key(any_store: ReplyStore) -> None:
    workers = [any_store.worker("p", 1.0) for _ in range(4)]
    keys = [f"k{number:03}" for number in range(200)]
    taken: dict[str, list[str]] = {}

    def work(worker: Worker) -> None:
        for start in range(0, 200, 20):
            looked = worker.look(keys[start : start + 40])
            taken.setdefault(worker.id, []).extend(looked.claimed)

    threads = [threading.Thread(target=work, args=[worker]) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for worker in workers:
        worker.close()
    assert sorted(key for own in taken.values() for key in own) == keys


def _until(what: object, seconds: float = 30.0) -> None:
    """Wait until it is so."""
    assert callable(what)
    over = threading.Event()
    for _ in range(round(seconds / 0.02)):
        if what():
            return
        over.wait(0.02)
    raise AssertionError("it did not come about")
