"""Items from a file into our store, the way the feed's go: for a city whose core has no feed yet. The feed, once there, always wins."""

from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import ValidationError

from content.store import Change, Content
from content.sync import keep, made
from core.reading import read_item, why
from kit.clock import now

Json = dict[str, Any]
BEFORE_ANY_FEED = 0  # the feed's seq begins at 1


class FeedInCharge(Exception):
    """The core's feed has been read: what a file says would be older than what the core said."""


@dataclass(slots=True)
class Loaded:
    """In items and lines of the file. `bad`: [{line, why}]; `odd`: [{line, code, field, value, why}]."""

    loaded: int = 0
    unchanged: int = 0
    bad: list[Json] = field(default_factory=list)
    odd: list[Json] = field(default_factory=list)


async def begin(store: Content, *, force: bool) -> None:
    """Raises FeedInCharge unless forced."""
    if (await store.state()).cursor and not force:
        raise FeedInCharge


async def load(store: Content, lines: list[Json], batch: str) -> Loaded:
    """Some lines [{line, item}] of a file; the same ones again change nothing. An item that is there already gets its next version."""
    done = Loaded()
    known = await store.rows([str(one["item"].get("code")) for one in lines])
    changes: dict[str, Change] = {}
    for one in lines:
        code = str(one["item"].get("code"))
        row = known.get(code)
        version = 1 if row is None else row["version"] + 1
        try:
            item, odd = read_item(one["item"] | {"version": version})
        except (ValidationError, ValueError) as exc:
            done.bad.append({"line": one["line"], "why": _why(exc)})
            continue
        done.odd += [{"line": one["line"], "code": code, **asdict(told)} for told in odd]
        content = item.model_dump(mode="json")
        if row is not None and row["item"] is not None and _same(row["item"], content):
            done.unchanged += 1
            continue
        seq = BEFORE_ANY_FEED if row is None else row["seq"]
        made_of = {"version": version, "seq": seq, "batch": batch, "odd": [asdict(told) for told in odd]}
        changes[code] = made(made_of, code, content, by_hand=True)
    done.loaded, _ = await keep(store, list(changes.values()), now(), (await store.state()).revision + 1)
    return done


async def finish(store: Content) -> None:
    """The catalogue is whole as of now: indexes are rebuilt, the service is ready."""
    await store.touch(as_of=now())


def _same(old: Json, new: Json) -> bool:
    """But for the version. What an item of an earlier release lacks counts as not recorded."""
    return all(old.get(name) == value for name, value in new.items() if name != "version" and (name in old or value not in (None, [])))


def _why(exc: Exception) -> str:
    if isinstance(exc, ValidationError):
        return "；".join(f"{'.'.join(map(str, error['loc']))}：{why(error['type'])}" for error in exc.errors()[:10])
    return str(exc)
