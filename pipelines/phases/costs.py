"""What the plan's requests will cost, before, and what they came to, after; kind by kind.

Before: a request is counted at its own size; what is stored already is known and costs nothing. After: everything rests
on the stored replies alone, so that a build that was killed and taken up again and an undisturbed one tell the same.
"""

import array
import math
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import numpy as np

import prompts
from pipelines.generation import prices
from pipelines.generation.ask import Ask, Hooks
from pipelines.generation.repair import repairs_of_stored
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore, Usage
from pipelines.phases import generate
from pipelines.phases.judging import judge
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Plan
from pipelines.phases.progress import Progress, silent
from pipelines.phases.tally import ALL
from pipelines.shards.manifest import Generation, KindTotals
from schemas.records import Record

T = TypeVar("T")

CHUNK = 1000
"""Requests looked up in the store at a time."""
ENOUGH = 20
"""Stored replies of a kind from which the length of the next ones is told."""
BYTES_PER_ANSWER_TOKEN = 3.5
"""Of English prose without boxes; a tokeniser for English makes 4 to 5, so this errs on the high side."""
REASON_TOKENS = 300
"""What a repair says of a bad reply, beside the reply itself."""

_REGION = re.compile(r"<region\d+>")


class KindEstimate(Record, frozen=True, kw_only=True):
    """What one kind's requests will cost."""

    kind: str
    requests: int
    """Without repeats of the same request."""
    known: int
    """Stored already: they cost nothing more."""
    failed: int
    """Of the known ones, those that failed and are not to be asked again."""
    known_usd: float
    """What the known ones have cost, with what was to mend them."""
    prompt_tokens: int
    """Of what is to be asked, as are all of the following."""
    completion_tokens: int
    """Expected."""
    most_completion_tokens: int
    """With every answer as long as is allowed."""
    expected_usd: float
    most_usd: float
    """With a token for every byte of the prompts, the longest answers, and where repairs are made, one for each."""
    repairs: int = 0
    """Stored replies that are bad, and are to be shown to the model once more; of others nobody knows yet how many."""
    measured: int = 0
    """Stored replies that the expected figures rest on; 0 where they rest on the prompt's example."""

    @property
    def asked(self) -> int:
        """Requests that the store lacks."""
        return self.requests - self.known

    @property
    def calls(self) -> int:
        """All that is to be asked, as far as it is known."""
        return self.asked + self.repairs


class Estimate(Record, frozen=True, kw_only=True):
    """What a plan's requests will cost."""

    kinds: tuple[KindEstimate, ...]
    priced_by: str
    """Where the prices come from, for reading."""

    @property
    def total(self) -> KindEstimate:
        """All kinds together."""
        sums = {name: sum(getattr(one, name) for one in self.kinds) for name in KindEstimate.__struct_fields__[1:]}
        return KindEstimate(kind="all", **sums)


def estimate(
    plan: Plan, layout: Layout, store: ReplyStore, settings: Settings, progress: Progress = silent
) -> Estimate:
    """One pass over the requests, a few hundred in memory.

    Raises:
        GenerationError: the price is not known, or an answer's length is not limited.
    """
    sums = {kind: _Sums(kind) for kind in plan.recipe.kinds}
    repeats = _Repeats(key for kind in plan.recipe.kinds for key in generate.keys(plan, layout, kind))
    origins = dict[str, None]()
    done = 0
    for chunk in _chunks(generate.asks(plan, layout, rows=settings.repairs > 0), CHUNK):
        fresh = [ask for ask in chunk if repeats.first(ask.key)]
        stored = {one.key: one for one in store.usage(ask.key for ask in fresh)}
        kinds = {ask.key: ask.kind for ask in fresh}
        for ask in fresh:
            usage = stored.get(ask.key)
            if usage is not None and not (usage.error and settings.retry_failed):
                sums[ask.kind].know(ask, usage)
                continue
            origins[sums[ask.kind].lack(ask, settings)] = None
        for usage in store.usage(stored, repairs=True):
            sums[kinds[usage.repair_of]].known_usd += usage.cost_usd
        for repair in _repairs([ask for ask in fresh if ask.key in stored], store, settings):
            origins[sums[repair.kind].mend(repair, settings)] = None
        done += len(chunk)
        progress("estimating the cost", done, plan.requests)
    told = tuple(one.estimate(_regions(plan, kind)) for kind, one in sums.items() if one.requests)
    return Estimate(kinds=told, priced_by="; ".join(origins))


def _repairs(asks: list[Ask], store: ReplyStore, settings: Settings) -> list[Ask]:
    """The repairs that a run will ask of stored replies."""
    if not settings.repairs:
        return []
    return repairs_of_stored(asks, store, Hooks(judge), retry_failed=settings.retry_failed)


def _regions(plan: Plan, kind: str) -> float:
    """Regions of a row, on average."""
    amount = plan.amounts[kind][ALL]
    return amount.regions / max(1, amount.rows)


class _Repeats:
    """Says of a key whether it is the first of its like; only keys that come again are remembered."""

    def __init__(self, keys: Iterable[str]) -> None:
        short = np.array(array.array("Q", (_short(key) for key in keys)), np.uint64)
        distinct, counts = np.unique(short, return_counts=True)
        self._again = set(distinct[counts > 1].tolist())
        self._seen: set[int] = set()

    def first(self, key: str) -> bool:
        short = _short(key)
        if short not in self._again:
            return True
        new = short not in self._seen
        self._seen.add(short)
        return new


def _short(key: str) -> int:
    return int(key[:16], 16)


class _Sums:
    """What adds up over the requests of one kind, so that the expected figures can be told at the end."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.requests = self.known = self.failed = self.repairs = self.measured = 0
        self.known_usd = 0.0
        self.known_bytes = self.known_prompt = self.known_completion = 0
        self.bytes = self.guessed_prompt = self.most_completion = 0
        self.prompt_usd = self.completion_usd = self.most_usd = 0.0

    def know(self, ask: Ask, usage: Usage) -> None:
        """A request whose reply is stored."""
        self.requests += 1
        self.known += 1
        self.known_usd += usage.cost_usd
        self.failed += bool(usage.error)
        if not usage.error:
            self.measured += 1
            self.known_bytes += prices.prompt_bytes(ask.payload)
            self.known_prompt += usage.prompt_tokens
            self.known_completion += usage.completion_tokens

    def lack(self, ask: Ask, settings: Settings) -> str:
        """A request that is to be asked; where its price comes from."""
        self.requests += 1
        return self._ask(ask, settings, settings.repairs)

    def mend(self, repair: Ask, settings: Settings) -> str:
        """A repair of a stored reply, likewise; it is not repaired itself."""
        self.repairs += 1
        return self._ask(repair, settings, 0)

    def _ask(self, ask: Ask, settings: Settings, repairs: int) -> str:
        price = prices.price_of(str(ask.payload.get("model", "")), settings)
        size = prices.size(ask.payload, settings.image_tokens)
        guess, most = size.guess, size.bound
        self.bytes += size.bytes
        self.guessed_prompt += guess.prompt
        self.most_completion += most.completion
        self.prompt_usd += price.cost(guess._replace(completion=0))
        self.completion_usd += price.of_completion(guess.prompt)
        again = most._replace(prompt=most.prompt + most.completion + REASON_TOKENS)
        self.most_usd += price.cost(most) + repairs * price.cost(again)
        return price.origin

    def estimate(self, regions: float) -> KindEstimate:
        """The figures, by the stored replies where there are enough of them, else by the kind's worked example."""
        asked = self.requests - self.known + self.repairs
        enough = self.measured >= ENOUGH
        longest = self.most_completion / max(1, asked)
        answer = self.known_completion / self.measured if enough else example_tokens(self.kind, regions)
        answer = min(answer, longest)
        prompt = self.bytes * self.known_prompt / self.known_bytes if enough else self.guessed_prompt
        prompt_usd = self.prompt_usd * prompt / max(1, self.guessed_prompt)
        return KindEstimate(
            kind=self.kind, requests=self.requests, known=self.known, failed=self.failed, known_usd=self.known_usd,
            prompt_tokens=round(prompt), completion_tokens=round(asked * answer),
            most_completion_tokens=self.most_completion, expected_usd=prompt_usd + self.completion_usd * answer,
            most_usd=self.most_usd, repairs=self.repairs, measured=self.measured if enough else 0,
        )  # fmt: skip


def example_tokens(kind: str, regions: float) -> float:
    """Tokens of an answer about so many regions, if it is as long for each of them as the prompt's worked example."""
    example = prompts.load(kind).example_assistant
    shown = max(1, len(set(_REGION.findall(example))))
    return len(example.encode()) / BYTES_PER_ANSWER_TOKEN * max(1.0, regions) / shown


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def spent(plan: Plan, layout: Layout, store: ReplyStore) -> Generation:
    """What the plan's requests came to: repairs, failures and rejected replies included."""
    kinds = {kind: _spent_on(store, generate.keys(plan, layout, kind)) for kind in plan.recipe.kinds}
    return Generation.of({kind: one for kind, one in kinds.items() if one.requests})


def _spent_on(store: ReplyStore, keys: Iterable[str]) -> KindTotals:
    requests, distinct = 0, set[str]()
    for key in keys:
        requests += 1
        distinct.add(key)
    first, mended = _Paid(store.usage(distinct)), _Paid(store.usage(distinct, repairs=True))
    return KindTotals(
        requests=requests, calls=first.answered, cached=requests - len(distinct), failed=first.failed,
        repairs=mended.answered + mended.failed, prompt_tokens=first.prompt + mended.prompt,
        completion_tokens=first.completion + mended.completion, cost_usd=_sum([*first.usd, *mended.usd]),
        at_risk_usd=_sum([*first.at_risk, *mended.at_risk]),
    )  # fmt: skip


class _Paid:
    """The sums of some replies. Dollars are kept one by one, so that their sum does not depend on their order."""

    def __init__(self, replies: Iterable[Usage]) -> None:
        self.answered = self.failed = self.prompt = self.completion = 0
        self.usd, self.at_risk = array.array("d"), array.array("d")
        for one in replies:
            self.failed += bool(one.error)
            self.answered += not one.error
            self.prompt += one.prompt_tokens
            self.completion += one.completion_tokens
            self.usd.append(one.cost_usd)
            self.at_risk.append(one.at_risk_usd)


def _sum(dollars: Iterable[float]) -> float:
    return round(math.fsum(dollars), 9)
