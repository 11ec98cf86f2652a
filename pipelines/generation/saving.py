"""Answers are committed in groups, by the one thread that works with the store.

A disk takes milliseconds to make a transaction safe, however many answers are in it: whatever has come in while one is
being committed goes into the next.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from pipelines.generation.log import logger
from pipelines.generation.store import Entry
from schemas.errors import GenerationError

P = ParamSpec("P")
T = TypeVar("T")

LINGER_S = 0.02
"""How long an answer waits for others to be committed with: a commit for each would cost as much processor time as
asking. The next requests do not wait for it."""
RETRY_S = 0.5
"""Between two tries to commit what the store did not take."""

Save = Callable[[Sequence[Entry]], None]
Rescue = Callable[[Sequence[Entry]], str]
"""Writes answers to a file, and says where they are and what to do with them."""
Waiting = tuple[Sequence[Entry], "asyncio.Future[None]"]


class Writer:
    """The store's thread. An answer is safe when `save` returns."""

    def __init__(self, save: Save, rescue: Rescue, on_trouble: Callable[[], None]) -> None:
        self._commit = save
        self._rescue = rescue
        self._on_trouble = on_trouble
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reply store")
        self._waiting: list[Waiting] = []
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run())
        self.trouble: GenerationError | None = None
        """Why the store did not take an answer; told even where it took it later."""

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something else with the store, in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*args, **kwargs))

    async def save(self, entries: Sequence[Entry]) -> None:
        """Commit, together with whatever else is waiting. Does not return while the store takes nothing."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entries, future))
        self._wake.set()
        await future

    async def close(self) -> None:
        """Commit what is waiting still, or write it to a file; GenerationError says which and why."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown(wait=True)
        left = [entry for entries, _ in self._waiting for entry in entries]
        if left:
            self._close_with(left)
        if self.trouble is not None:
            raise GenerationError(f"{self.trouble.message}. By now all answers are stored", hint=self.trouble.hint)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(LINGER_S)
            self._wake.clear()
            group = list(self._waiting)
            try:
                await self.call(self._commit_group, group)
            except GenerationError as error:
                self._note(error)
                await asyncio.sleep(RETRY_S)
                self._wake.set()
                continue
            except Exception as error:
                # A fault of ours: whoever waits must hear of it, and `close` rescues the answers.
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
                return
            for _, future in group:
                if not future.done():
                    future.set_result(None)

    def _commit_group(self, group: list[Waiting]) -> None:
        """In the store's thread, so that `close`, which waits for it, does not commit the same answers once more."""
        self._commit([entry for entries, _ in group for entry in entries])
        del self._waiting[: len(group)]

    def _note(self, error: GenerationError) -> None:
        if self.trouble is None:
            self.trouble = error
            logger.error("answers cannot be stored, so nothing is sent any more: %s", error.message)
            self._on_trouble()

    def _close_with(self, left: list[Entry]) -> None:
        """The last try."""
        try:
            self._commit(left)
        except Exception as error:  # whatever it is, these answers are paid for
            words = self._rescue(left)
            logger.error("%s", words)
            message, hint = (error.message, error.hint) if isinstance(error, GenerationError) else (repr(error), "")
            raise GenerationError(f"{message}. {words}", hint=hint) from error
