"""Closing an item for online handling at once, with the operator's words, and opening it again. Cases under way are none of its business.

Acts ask the store each time, and what is handed in asks once more where it is written down; pages follow with the catalogue's refresh. Nothing is closed by itself, and an `until` that is over needs nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from kit.clock import at_edge, in_words, now
from kit.errors import Conflict, FieldError, Invalid
from kit.mongo import Tx

LONGEST = 200  # characters of the message
FURTHEST = timedelta(days=366)
INSTEAD = "可以到办事窗口办理，或拨打 12345 咨询；已经提交的办件照常办理"


@dataclass(frozen=True, slots=True)
class Closure:
    """`message`: what residents read. `until` None: until somebody opens it. `by`: an account of staff. `revision` grows with every change."""

    code: str
    message: str
    since: datetime
    until: datetime | None
    by: str
    revision: int

    def holds(self, moment: datetime) -> bool:
        return self.until is None or moment < self.until

    @property
    def told(self) -> dict[str, Any]:
        """What every answer about the item says of it."""
        return {"message": self.message, "since": at_edge(self.since), "until": at_edge(self.until) if self.until else None}

    @property
    def notice(self) -> str:
        """For whoever reads about the item: why, until when, and what to do instead."""
        return f"暂停网上办理：{self._why}{INSTEAD}。"

    def refusal(self, name: str) -> Conflict:
        """For whoever wants to apply. A draft that is there stays."""
        return Conflict("item_closed", f"“{name}”暂停网上办理：{self._why}{INSTEAD}。已填写的草稿会保留")

    @property
    def _why(self) -> str:
        back = f"预计 {in_words(self.until)} 恢复。" if self.until else ""
        return f"{self.message.rstrip('。．.；; ')}。{back}"


@dataclass(frozen=True, slots=True)
class Kept:
    """A row as it is, in force or not: what compare-and-set goes by. `is_closed` False: opened again by somebody."""

    closure: Closure
    is_closed: bool

    def holds(self, moment: datetime) -> bool:
        return self.is_closed and self.closure.holds(moment)


class Store(Protocol):
    """content/closure_store.py."""

    async def kept(self, code: str) -> Kept | None: ...

    async def put(self, closure: Closure, *, is_closed: bool, seen: int | None) -> bool: ...

    async def take_turn(self, tx: Tx, codes: Sequence[str], whose: str) -> dict[str, Closure]: ...


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody of staff (`by`) closes an item. `revision`: of the closure they saw and mean to change; None: they saw it open."""

    code: str
    message: str
    until: datetime | None
    by: str
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    closure: Closure
    outcome: Literal["closed_now", "changed", "already_so"]


async def close(store: Store, wish: Wish) -> Closed:
    """Raises Invalid, Conflict when it is closed already in other words than those that were seen. The same closing again is boring."""
    _check(wish)
    wish = replace(wish, until=_as_stored(wish.until))
    kept = await store.kept(wish.code)
    standing = kept.closure if kept is not None and kept.holds(now()) else None
    if standing is not None and (standing.message, standing.until) == (wish.message, wish.until):
        return Closed(standing, "already_so")
    if wish.revision != (standing.revision if standing is not None else None):  # also where it was opened meanwhile
        raise changed_elsewhere()
    since = standing.since if standing is not None else now()
    made = Closure(wish.code, wish.message, since, wish.until, wish.by, 1 + (kept.closure.revision if kept is not None else 0))
    if await store.put(made, is_closed=True, seen=kept.closure.revision if kept is not None else None):
        return Closed(made, "closed_now" if standing is None else "changed")
    other = await store.kept(wish.code)  # somebody was faster, perhaps we ourselves
    if other is not None and other.holds(now()) and (other.closure.message, other.closure.until) == (wish.message, wish.until):
        return Closed(other.closure, "already_so")
    raise changed_elsewhere()


async def reopen(store: Store, code: str, by: str, seen: int | None = None) -> Literal["opened_now", "was_open"]:
    """`seen`: the revision they mean to end; None: whatever stands. Raises Conflict when somebody changed it meanwhile. Opening what is open is boring."""
    kept = await store.kept(code)
    if kept is None or not kept.holds(now()):
        return "was_open"
    was = kept.closure
    if seen is not None and seen != was.revision:
        raise changed_elsewhere()
    opened = Closure(code, was.message, was.since, now(), by, was.revision + 1)
    if await store.put(opened, is_closed=False, seen=was.revision):
        return "opened_now"
    again = await store.kept(code)
    if again is None or not again.holds(now()):
        return "was_open"
    raise changed_elsewhere()


async def still_open(store: Store, tx: Tx, names: Mapping[str, str], whose: str) -> None:
    """In the transaction that records what is handed in: none of these items (code -> name) is closed, nor will be before it ends. Raises Conflict."""
    closed = first_of(list((await store.take_turn(tx, list(names), whose)).values()))
    if closed is not None:
        raise closed.refusal(names[closed.code])


def changed_elsewhere() -> Conflict:
    return Conflict("closure_changed", "这个事项的关停刚刚已由别人设置或修改，请刷新后查看；要改说明或时间，请带上看到的 revision")


def first_of(closures: Sequence[Closure]) -> Closure | None:
    """Of several items together: the one that lasts longest, because nothing can be handed in before."""
    endless = [one for one in closures if one.until is None]
    return endless[0] if endless else max(closures, key=lambda one: one.until or one.since, default=None)


def _check(wish: Wish) -> None:
    wrong = []
    if not wish.message.strip():
        wrong.append(FieldError("message", "请写明暂停的原因，居民会看到"))
    elif len(wish.message) > LONGEST:
        wrong.append(FieldError("message", f"说明最多 {LONGEST} 字"))
    if wish.until is not None and wish.until <= now():
        wrong.append(FieldError("until", "恢复时间应晚于现在；不填则到重新开通为止"))
    elif wish.until is not None and wish.until > now() + FURTHEST:
        wrong.append(FieldError("until", "恢复时间最远为一年之后；更久的请不填"))
    if wrong:
        raise Invalid("input_invalid", "关停没有生效，请按提示修改", errors=tuple(wrong))


def _as_stored(moment: datetime | None) -> datetime | None:
    """UTC in milliseconds, so that what is read equals what was asked for."""
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
