"""How an answer of the core is believed: read, found or made, and about what was asked. Shared by the parts of contract v1."""

from typing import TypeVar

from core.client import PARTY, Core, parsed
from core.frozen import Frozen
from kit.errors import NotReached, Refused, Unknown

M = TypeVar("M", bound=Frozen)
T = TypeVar("T")


async def read(core: Core, path: str, shape: type[M], query: dict[str, str] | None = None) -> M:
    """Raises NotReached where the answer cannot be understood: a read changes nothing there and may be asked again."""
    reply = await core.read(path, query)
    try:
        return parsed(reply, shape)
    except Unknown as exc:
        raise NotReached(PARTY, exc.reason) from exc


async def find(core: Core, path: str, shape: type[M], none: str) -> M | None:
    """None only for the core's own code `none`. Raises NotReached for any other no: it is one to the question, and no word about what is asked for."""
    try:
        return await read(core, path, shape)
    except Refused as exc:
        if exc.reason == none:
            return None
        raise NotReached(PARTY, exc.reason) from exc


def agreeing(found: T, fits: bool) -> T:
    """What was read, if it is about what was asked."""
    if not fits:
        raise NotReached(PARTY, "wrong_content")
    return found


def same(made: T, ask: Frozen, names: tuple[str, ...]) -> T:
    """What was made there, if it is what was asked to be made."""
    return made_as_asked(made, all(getattr(made, name) == getattr(ask, name) for name in names))


def made_as_asked(made: T, fits: bool) -> T:
    """Like `same`, where the caller compares. An answer about something else proves nothing."""
    if not fits:
        raise Unknown(PARTY, "wrong_content")
    return made
