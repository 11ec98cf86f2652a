"""Any interleaving of workers that look, save, release, hand over, die and come back: one owner a key, no answer lost,
no dollar above the limits."""

import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from pipelines.generation.store import ReplyStore, Worker
from schemas.errors import GenerationError
from tests.generation.stores import entry, failed, set_owner
from tests.properties import quick

KEYS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True)
BUDGET_USD, TOTAL_USD = 1.0, 1.5


class Held:
    """What a test knows of a worker without asking the store."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.keys: set[str] = set()
        self.drawn = 0.0
        self.spent = 0.0
        self.late = self.gone = False
        """Its lease has run out, until it renews it; its process is gone."""

    @property
    def dead(self) -> bool:
        """Another one may take its keys."""
        return self.late or self.gone


class Workers(RuleBasedStateMachine):
    """Up to any number of workers in two purses; what they do to one store, and what must then be so."""

    held = Bundle("held")

    @initialize()
    def begin(self) -> None:
        self._folder = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.store = ReplyStore(f"sqlite:///{Path(self._folder.name)}/replies.sqlite")
        self.all: list[Held] = []
        self.answers: dict[str, str] = {}
        self.batches: dict[str, set[str]] = {}

    @rule(target=held, purse=st.sampled_from(["p", "q"]))
    def start(self, purse: str) -> Held:
        made = Held(self.store.worker(purse, BUDGET_USD, TOTAL_USD, lease_s=3600.0))
        self.all.append(made)
        return made

    @rule(one=held, keys=KEYS, retry=st.booleans())
    def look(self, one: Held, keys: list[str], retry: bool) -> None:
        try:
            looked = one.worker.look(keys, retry)
        except GenerationError:
            assert one.dead, "a live worker is never told that it is dead"
            one.keys.clear()
            return
        one.late = False
        assert looked.answered.keys() | looked.claimed | looked.elsewhere.keys() == set(keys)
        for other in self.all:
            if other is not one and not other.dead:
                assert not looked.claimed & other.keys, "two live owners"
        for keys_of_batch in self.batches.values():
            assert not looked.claimed & keys_of_batch, "a batch lost a key"
        assert not looked.claimed & self.answers.keys(), "an answer would be bought again"
        one.keys |= looked.claimed

    @rule(one=held, data=st.data(), cents=st.integers(0, 30), fails=st.booleans())
    def save(self, one: Held, data: st.DataObject, cents: int, fails: bool) -> None:
        if not one.keys:
            return
        key = data.draw(st.sampled_from(sorted(one.keys)))
        usd = min(cents / 100, max(0.0, one.drawn - one.spent))
        text = f"answer of {one.worker.id}"
        one.worker.save([failed(key, at_risk_usd=usd) if fails else entry(key, text=text, cost_usd=usd)])
        one.keys.discard(key)
        one.spent += usd
        if not fails:
            self.answers.setdefault(key, text)

    @rule(one=held, keys=KEYS)
    def release(self, one: Held, keys: list[str]) -> None:
        one.worker.release(keys)
        one.keys -= set(keys)

    @rule(one=held, least=st.integers(0, 50), more=st.integers(0, 50))
    def draw(self, one: Held, least: int, more: int) -> None:
        granted = one.worker.draw(least / 100, (least + more) / 100)
        assert granted == 0.0 or least / 100 <= granted <= (least + more) / 100
        one.drawn += granted

    @rule(one=held, share=st.floats(0, 1))
    def give_back(self, one: Held, share: float) -> None:
        usd = share * max(0.0, one.drawn - one.spent)
        one.worker.give_back(usd)
        one.drawn -= usd

    @rule(one=held, cents=st.integers(0, 20))
    def break_off(self, one: Held, cents: int) -> None:
        usd = min(cents / 100, max(0.0, one.drawn - one.spent))
        one.worker.at_risk(usd)
        one.spent += usd

    @rule(one=held)
    def hand_over(self, one: Held) -> None:
        keys, usd = sorted(one.keys), max(0.0, one.drawn - one.spent) / 2
        try:
            batch = one.worker.hand_over(keys, usd)
        except GenerationError:
            assert one.dead
            one.keys.clear()
            return
        one.late = False
        one.keys -= set(keys)
        one.drawn -= usd
        self.batches[batch] = set(keys)

    @rule(data=st.data())
    def end_batch(self, data: st.DataObject) -> None:
        if self.batches:
            batch = data.draw(st.sampled_from(sorted(self.batches)))
            self.store.owner(batch).end()
            del self.batches[batch]

    @rule(one=held)
    def sleep(self, one: Held) -> None:
        set_owner(self.store, one.worker.id, expires=1.0)
        one.late = True

    @rule(one=held)
    def die(self, one: Held) -> None:
        set_owner(self.store, one.worker.id, pid=2**22 + 1)
        one.gone = True

    @rule(one=consumes(held))
    def close(self, one: Held) -> None:
        one.worker.close()
        self.all.remove(one)

    @invariant()
    def answers_stay(self) -> None:
        found = self.store.get_many(self.answers) if hasattr(self, "answers") else {}
        assert {key: one.text for key, one in found.items()} == getattr(self, "answers", {})

    @invariant()
    def limits_hold(self) -> None:
        if not hasattr(self, "store"):
            return
        with self.store.database.reading() as connection:
            spent = dict(connection.exec_driver_sql(COMMITTED).all())
        assert all(usd <= BUDGET_USD + 1e-9 for usd in spent.values())
        assert sum(spent.values()) <= TOTAL_USD + 1e-9

    def teardown(self) -> None:
        for one in getattr(self, "all", []):
            one.worker.close()
        if hasattr(self, "store"):
            self.store.close()
            self._folder.cleanup()


COMMITTED = """
SELECT purse, sum(CASE WHEN ended IS NULL THEN max(granted_usd, spent_usd + at_risk_usd)
                       ELSE spent_usd + at_risk_usd END) FROM owners GROUP BY purse
"""

Workers.TestCase.settings = settings(quick, max_examples=50, stateful_step_count=40)
test_workers = Workers.TestCase
