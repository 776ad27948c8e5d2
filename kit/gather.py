"""One trip for many callers: what is asked for while a trip is under way goes with the next one.

Alone it costs nothing but a turn of the loop; under load fifty single writes become one. A caller sees a plain awaited call.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")


class Gathered(Generic[A, B]):
    """`trip` takes what was asked and gives as many answers, in the same order; what it raises reaches everybody who went with it.

    `most` go together; `lanes` trips may be under way at once.
    """

    def __init__(self, trip: Callable[[Sequence[A]], Awaitable[Sequence[B]]], *, most: int = 200, lanes: int = 2) -> None:
        self._trip = trip
        self._most = most
        self._lanes = lanes
        self._waiting: list[tuple[A, asyncio.Future[B]]] = []
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()  # the loop alone would let them be collected

    async def __call__(self, one: A) -> B:
        mine: asyncio.Future[B] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, mine))
        if self._under_way < self._lanes:
            self._under_way += 1
            task = asyncio.create_task(self._go())  # begins with the loop's next turn: whoever asks in this one comes along
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await mine

    async def _go(self) -> None:
        """The lane is free again in the very turn in which nobody waits any more: who asks after that sets off anew."""
        try:
            while self._waiting:
                setting_off, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                party = [(one, mine) for one, mine in setting_off if not mine.done()]  # not those who gave up meanwhile
                if party:
                    await self._travel(party)
        finally:
            self._under_way -= 1

    async def _travel(self, party: list[tuple[A, "asyncio.Future[B]"]]) -> None:
        try:
            answers = await self._trip([one for one, _ in party])
            paired = list(zip(party, answers, strict=True))
        except BaseException as exc:
            for _, mine in party:
                if not mine.done():
                    mine.set_exception(exc if isinstance(exc, Exception) else asyncio.CancelledError())
            if not isinstance(exc, Exception):
                raise
            return
        for (_, mine), answer in paired:
            if not mine.done():
                mine.set_result(answer)
