"""One value worked out from the whole catalogue, kept until the catalogue's revision moves."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Many callers wait for one piece of work. A failure is not kept: the next caller tries again."""

    def __init__(self) -> None:
        self._found: tuple[Hashable, T] | None = None
        self._working = asyncio.Lock()

    async def get(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` made for this key. Take the key before asking, so that what is read meanwhile is read again under the next one."""
        if self._found is not None and self._found[0] == key:
            return self._found[1]
        async with self._working:
            if self._found is None or self._found[0] != key:
                self._found = (key, await work())
            return self._found[1]
