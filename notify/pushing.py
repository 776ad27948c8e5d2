"""What pushing is made of: whom a message reaches, over which channels, and what writes down what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kit.mongo import Mongo
from kit.outbox import Outbox
from notify import quiet
from notify.channel import Channel
from notify.consent_store import Consents
from notify.store import Messages


@dataclass(frozen=True, slots=True)
class Account:
    """By which id a person is known on a channel: an openid, a user id, a phone number."""

    channel: str
    resident_id: str
    account: str


@dataclass(frozen=True, slots=True)
class Reached:
    """A person's accounts, the last seen first, and how they want to be told: `channels` in this order and no others."""

    accounts: Sequence[Account]
    channels: Sequence[str]
    quiet_hours: quiet.Hours | None = None
    kinds_off: frozenset[str] = frozenset()


class Reach(Protocol):
    """Supplied by wiring."""

    async def of(self, person_id: str) -> Reached: ...


class Daily(Protocol):
    """What may be spent in a day on a channel that costs money. False: no more today."""

    async def admits(self, channel: str, account: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Pushing:
    """`channels`: those this city has, in the order they are tried by somebody who said nothing."""

    mongo: Mongo
    store: Messages
    consents: Consents
    outbox: Outbox
    reach: Reach
    channels: Mapping[str, Channel]
    daily: Daily | None = None
