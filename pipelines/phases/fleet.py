"""The generate phase on many workers: the same engine, once in each, over the same reply store and the same purse.

When to use it: where the servers can take more than one process can send. That is a fleet of model servers of your own
(vLLM behind a load balancer) that answers thousands of requests a second, or requests with pictures, whose drawing
takes the processors of several machines. When not: for an account with a rate limit. One process reaches any such
limit, and more of them only divide it.

Budget and rates are those of one run, however many workers it has: all draw from one purse in the store, and each takes
its part of the requests and tokens a minute. Nothing is asked twice: a key is claimed in the store before it is sent. A
bundle that Beam runs again finds the answers of the first attempt in the store and what they cost in the purse.

Workers on several machines need a reply store that all of them reach (PostgreSQL), an OUT that all of them reach, and
OPENAI_API_KEY in the environment of each: the key is never handed on by Beam.
"""

import asyncio
import logging
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import apache_beam as beam
import msgspec

from pipelines import storage
from pipelines.generation.engine import answer_all
from pipelines.generation.progress import Outcome, Progress, Report
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore
from pipelines.phases import generate
from pipelines.phases.generate import Share
from pipelines.phases.layout import Layout
from pipelines.phases.meter import every, generation_log
from pipelines.phases.plan import Plan
from pipelines.phases.running import Running, run, spread
from schemas.errors import GenerationError
from schemas.records import Record

EVERY_S = 0.5
"""Between two looks at how the workers do, and at whether they should stop."""
HERE = ("DirectRunner", "FnApiRunner", "PrismRunner")
"""Beam's runners whose workers are on this machine."""
STOP = "stop"
"""A file of this name tells all workers to take up nothing more."""
OTHERS = "the run was stopped"


class Part(Record, frozen=True, kw_only=True):
    """What one worker tells of its share."""

    outcome: Outcome
    error: str = ""
    hint: str = ""
    ended: bool = False


class AskShares(beam.PTransform):
    """Share -> `Part`, with the replies in the store. For pipelines of one's own as well."""

    def __init__(self, plan: Plan, layout: Layout, store: ReplyStore, settings: Settings) -> None:
        super().__init__()
        self._asker = Asker(plan, layout, store, settings)

    def expand(self, shares: beam.PCollection[Share]) -> beam.PCollection[Part]:
        return shares | "Ask" >> beam.ParDo(self._asker)


class Asker(beam.DoFn):
    """Runs the engine over a share of the requests, in an event loop of its own."""

    def __init__(self, plan: Plan, layout: Layout, store: ReplyStore, settings: Settings) -> None:
        super().__init__()
        self._plan, self._layout, self._store, self._settings = plan, layout, store, settings

    def process(self, share: Share) -> Iterable[Part]:
        yield self.ask(share)

    def ask(self, share: Share) -> Part:
        """A user's mistake is told in the part: raised, it would come back as Beam's traceback."""
        folder = folder_of(self._layout, self._settings)
        desk = _Desk(folder, share)
        logging.disable(logging.NOTSET)  # what Beam's worker processes are started with would silence our log as well
        try:
            with every(EVERY_S, desk.look), generation_log(self._layout):
                part = Part(outcome=asyncio.run(self._answer(share, desk)), ended=True)
        except asyncio.CancelledError:
            part = Part(outcome=msgspec.structs.replace(_outcome(desk.now), stopped=OTHERS), ended=True)
        except GenerationError as error:
            part = Part(outcome=_outcome(desk.now), error=error.message, hint=error.hint, ended=True)
        except OSError as error:
            part = Part(outcome=_outcome(desk.now), error=str(error), hint="Look at OUT and its disk.", ended=True)
        if part.error:  # one that has no dollars left lets the others use theirs
            storage.write_bytes(storage.join(folder, STOP), b"")
        _write(folder, share, part)
        return part

    async def _answer(self, share: Share, desk: "_Desk") -> Outcome:
        """Cancelled when the run is to stop, the engine stores what it has sent, as with Ctrl-C."""
        requests = generate.asks(self._plan, self._layout, share)
        answering = answer_all(requests, self._store, self._settings, desk.report, generate.hooks(self._plan))
        task = asyncio.create_task(answering)
        while not (task.done() or desk.stop.is_set()):
            await asyncio.wait({task}, timeout=EVERY_S)
        if not task.done():
            task.cancel()
        return await task


class _Desk:
    """Where a worker tells how it does, and hears whether to stop: files, which workers on any machine share."""

    def __init__(self, folder: str, share: Share) -> None:
        self._folder, self._share = folder, share
        self.stop = threading.Event()
        self.now = Progress()

    def report(self, now: Progress) -> None:
        """The engine's report."""
        self.now = now

    def look(self) -> None:
        """Tell where the share stands, and look whether the others have stopped."""
        if storage.exists(storage.join(self._folder, STOP)):
            self.stop.set()
        _write(self._folder, self._share, Part(outcome=_outcome(self.now)))


def answer(
    plan: Plan, layout: Layout, store: ReplyStore, settings: Settings, report: Report, running: Running
) -> Outcome:
    """Ask for every reply that the store lacks, by as many workers as `running` says.

    Ctrl-C lets the workers finish what they have sent; a second one does not wait.

    Raises:
        GenerationError: as the engine does; or the workers cannot share the store.
    """
    _check(store, settings, running)
    settings = msgspec.structs.replace(settings, purse=settings.purse or uuid.uuid4().hex)
    shares = [Share(number, running.workers) for number in range(running.workers)]
    folder = folder_of(layout, settings)
    storage.make_folder(folder)
    try:
        run_all = partial(run, partial(_pipeline, plan, layout, store, settings, shares), running)
        interrupted = _watch(run_all, folder, shares, report)
        parts = _parts(folder, shares)
    finally:
        storage.remove_tree(folder)
    if interrupted:
        raise KeyboardInterrupt
    for part in parts:
        if part.error:
            raise GenerationError(part.error, hint=part.hint)
    outcome = merged([part.outcome for part in parts])
    done = outcome.cached + outcome.answered + outcome.failed + outcome.elsewhere
    return msgspec.structs.replace(outcome, left=max(outcome.left, plan.requests - done) if outcome.stopped else 0)


def _check(store: ReplyStore, settings: Settings, running: Running) -> None:
    if settings.mode == "batch":
        raise GenerationError("batches are made by one process", hint="Leave out --workers, or --mode batch.")
    runner = next((flag.partition("=")[2] for flag in running.beam_flags if flag.startswith("--runner=")), HERE[0])
    if store.url.startswith("sqlite") and runner not in HERE:
        raise GenerationError(
            f"workers of {runner} cannot share a SQLite file", hint="Name a database: --replies postgresql://..."
        )


def folder_of(layout: Layout, settings: Settings) -> str:
    """Where the workers of a run tell of themselves."""
    return storage.join(layout.work, f"fleet-{settings.purse}")


def merged(outcomes: Sequence[Outcome]) -> Outcome:
    """The shares' outcomes as that of one run."""
    rejects = sum((Counter(one.rejects) for one in outcomes), Counter[str]())
    said = [one.stopped for one in outcomes if one.stopped]
    started = [one.started_s for one in outcomes if one.started_s]
    own: dict[str, Any] = {
        "rejects": dict(rejects), "stopped": next((words for words in said if words != OTHERS), (said or [""])[0]),
        "started_s": min(started, default=0.0), "limits": next((one.limits for one in outcomes if one.limits), ""),
        "batches": "",
    }  # fmt: skip
    summed = [name for name in Outcome.__struct_fields__ if name not in own]
    return Outcome(**own, **{name: sum(getattr(one, name) for one in outcomes) for name in summed})


def _pipeline(
    plan: Plan, layout: Layout, store: ReplyStore, settings: Settings, shares: list[Share], pipeline: beam.Pipeline
) -> beam.PCollection[Part]:
    return spread(pipeline, shares) | "AskShares" >> AskShares(plan, layout, store, settings)


def _watch(run_all: Callable[[], None], folder: str, shares: Sequence[Share], report: Report) -> bool:
    """Run the pipeline in a thread and report what its workers tell; whether Ctrl-C has ended it early.

    Ctrl-C reaches only this thread: Beam and its workers go on until they have stored what they have sent.
    """
    errors: list[BaseException] = []
    ended = threading.Event()  # not `Thread.join`: interrupted, it takes the thread for ended
    threading.Thread(target=_catching, args=(run_all, errors, ended), daemon=True).start()
    interrupted = False
    while not ended.is_set():
        try:
            ended.wait(EVERY_S)
            report(merged([part.outcome for part in _parts(folder, shares)]))
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted = True
            storage.write_bytes(storage.join(folder, STOP), b"")
    for error in errors:
        raise error
    return interrupted


def _catching(run_all: Callable[[], None], errors: list[BaseException], ended: threading.Event) -> None:
    try:
        run_all()
    except BaseException as error:  # whatever ended the thread is raised again in the one that waits for it
        errors.append(error)
    finally:
        ended.set()


def _parts(folder: str, shares: Sequence[Share]) -> list[Part]:
    """What the workers have told last."""
    paths = [_path(folder, share) for share in shares]
    return [msgspec.json.decode(storage.read_bytes(path), type=Part) for path in paths if storage.exists(path)]


def _write(folder: str, share: Share, part: Part) -> None:
    storage.write_bytes(_path(folder, share), msgspec.json.encode(part))


def _path(folder: str, share: Share) -> str:
    return storage.join(folder, f"{share.number}.json")


def _outcome(now: Progress) -> Outcome:
    """What is known of a share that has not ended."""
    return msgspec.convert(msgspec.to_builtins(now), Outcome)
