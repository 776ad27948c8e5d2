"""Telling and pushing on real stores: what a test of the walk does again and again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from kit.clock import now
from kit.errors import NotReached
from kit.mongo import Mongo, Tx
from kit.outbox import INDEXES as OUTBOX
from kit.outbox import Outbox, Row
from notify import consents, push
from notify.channel import Channel
from notify.consent_store import INDEXES as CONSENTS
from notify.consent_store import Consents
from notify.consents import Answered
from notify.kinds import KINDS, Value
from notify.pushing import Pushing
from notify.store import INDEXES as MESSAGES
from notify.store import Messages
from notify.told import Told
from tests.notify.carriers import People, Platform

VALUES: Mapping[str, Value] = {"words": "身份证补领", "state": "已受理", "count": 2, "money": 100, "number": "C1"}


@dataclass
class Post:
    mongo: Mongo
    pushing: Pushing
    people: People
    platforms: Mapping[str, Platform]

    @property
    def outbox(self) -> Outbox:
        return self.pushing.outbox

    async def tell(self, person: str, event: str = "e1", kind: str = "case_moved") -> str:
        """The inbox entry and the row to push it; the message's id."""
        fields = {name: VALUES.get(shape, now()) for name, shape in KINDS[kind].fields.items()}

        async def both(tx: Tx) -> str:
            (own,) = await self.pushing.store.add_many(tx, [(event, person, Told(kind, "办件有进展。", fields, "pages/case/detail?no=C1", "C1"))])
            await self.outbox.put_many(tx, push.KIND, push.rows([(own, kind)]))
            return own

        return await self.mongo.transaction(both)

    async def allow(self, person: str, times: int = 1, *, kind: str = "case_moved", channel: str = "wechat") -> None:
        """As the mini-program reports it; the platform counts for itself."""
        for _ in range(times):
            await consents.reported(self.pushing.consents, f"r_{person}", channel, [(kind, "accept")], self.pushing.channels[channel])

    async def allow_both(self, person: str, times: int = 1, *, kind: str = "case_moved", channel: str = "wechat") -> None:
        await self.allow(person, times, kind=kind, channel=channel)
        quota = self.platforms[channel].quota
        assert quota is not None
        quota[f"{channel}-of-{person}", kind] += times

    async def heard(self, person: str, answer: Answered, channel: str = "wechat") -> None:
        await consents.hear(self.pushing.consents, f"r_{person}", [answer], (channel, self.pushing.channels[channel]))

    async def remaining(self, person: str, kind: str = "case_moved", channel: str = "wechat") -> int:
        found = (await self.pushing.consents.of_resident(f"r_{person}", channel)).get(kind)
        return 0 if found is None else found.remaining

    async def walk(self) -> bool:
        """As the worker does with the next due row. False: nothing is due."""
        row = await self.outbox.take([push.KIND])
        if row is not None:
            await self.carry(row)
        return row is not None

    async def carry(self, row: Row) -> None:
        try:
            await push.push(self.pushing, row)
        except NotReached as exc:
            await self.outbox.give_back(row, str(exc), ours=False)

    async def message(self, own: str) -> dict[str, Any]:
        found = await self.pushing.store.message(own)
        assert found is not None
        return found

    async def outcomes(self, own: str) -> dict[str, tuple[str, str | None]]:
        """Channel -> (outcome, reason), the inbox left out."""
        channels = (await self.message(own))["channels"]
        return {name: (one["outcome"], one["reason"]) for name, one in channels.items() if name != "inbox"}

    async def tried(self, attempts: int) -> None:
        await self.mongo["outbox"].update_many({"state": "waiting"}, {"$set": {"attempts": attempts}})

    async def settled(self) -> None:
        """What was begun was begun long enough ago for the gateway to know."""
        begun = {"channels.sms.outcome": "sending"}
        await self.mongo["messages"].update_many(begun, {"$set": {"channels.sms.at": now() - push.SETTLES}})

    async def now_due(self) -> None:
        """Every waiting row is due and nobody holds it, as after a lease that ran out."""
        await self.mongo["outbox"].update_many({"state": "waiting"}, [{"$set": {"due_at": "$$NOW", "held": False}}])


async def make_post(mongo: Mongo, channels: Mapping[str, Platform], people: People) -> Post:
    await mongo.create_indexes({**OUTBOX, **MESSAGES, **CONSENTS})
    carriers: dict[str, Channel] = dict(channels)
    return Post(mongo, Pushing(mongo, Messages(mongo), Consents(mongo), Outbox(mongo), people, carriers), people, channels)


class Died(BaseException):
    """The worker is gone at this line."""


async def died(post: Post, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """The next due row is carried as far as the write of that name (note, begin | take, end | done); then its lease runs out."""
    store: Any = post.pushing.store if where in ("note", "begin") else post.outbox if where == "done" else post.pushing.consents

    def dies(*_: Any, **__: Any) -> Any:
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr(type(store), where, dies)
        with pytest.raises(Died):
            await post.walk()
    await post.now_due()
