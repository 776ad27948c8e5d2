"""A pretend platform that remembers what it took and lies only on request, and people who can be reached on it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from kit.errors import NotReached, Refused, Unknown
from notify.channel import Outgoing
from notify.kinds import KINDS
from notify.pushing import Account, Reached

NO_CONSENT = {"wechat": "errcode_43101", "alipay": "USER_NOT_SUBSCRIBE"}
OUR_FAULT = {"wechat": "errcode_47003", "alipay": "isv.invalid-parameter", "sms": "isv.SMS_TEMPLATE_ILLEGAL"}
STOPPED = {"wechat": "errcode_45168"}


@dataclass
class Platform:
    """One channel. `quota`: what the platform itself allows, by (account, kind); None: it asks nobody. `next`: how the coming sends go:
    ok, away (nothing happened), lost (taken, the reply lost), vanished (not taken, the reply lost), ours, stopped."""

    name: str
    needs_consent: bool = True
    can_be_asked: bool = False
    kinds: frozenset[str] | None = None
    long_term: frozenset[str] = frozenset()
    quota: Counter[tuple[str, str]] | None = None
    next: list[str] = field(default_factory=list)
    usual: str = "ok"
    silent: bool = False  # cannot say what it took
    taken: list[tuple[str, str]] = field(default_factory=list)  # (account, message id), as they reached the phone

    def template(self, kind: str) -> str | None:
        return f"{self.name}-{kind}" if self.kinds is None or kind in self.kinds else None

    def kinds_by_template(self) -> Mapping[str, str]:
        return {f"{self.name}-{kind}": kind for kind in self.kinds or KINDS}

    def is_long_term(self, kind: str) -> bool:
        return kind in self.long_term

    async def send(self, account: str, out: Outgoing) -> str | None:
        how = self.next.pop(0) if self.next else self.usual
        if how == "away":
            raise NotReached(self.name, "no_connection")
        if how == "vanished":
            raise Unknown(self.name, "timeout")
        if how in ("ours", "stopped"):
            raise Refused(self.name, (OUR_FAULT if how == "ours" else STOPPED)[self.name])
        if self.quota is not None and out.kind.key not in self.long_term:
            if self.quota[account, out.kind.key] <= 0:
                raise Refused(self.name, NO_CONSENT[self.name])
            self.quota[account, out.kind.key] -= 1
        self.taken.append((account, out.message_id))
        if how == "lost":
            raise Unknown(self.name, "timeout")
        return f"{self.name}-{len(self.taken)}"

    async def took(self, account: str, out: Outgoing) -> bool | None:
        return None if self.silent else (account, out.message_id) in self.taken


@dataclass
class People:
    """Whom a message reaches."""

    known: dict[str, Reached] = field(default_factory=dict)

    async def of(self, person_id: str) -> Reached:
        return self.known.get(person_id, Reached([], ("wechat", "alipay", "sms")))


def make_reached(person: str, channels: tuple[str, ...] = ("wechat", "alipay", "sms"), *, on: tuple[str, ...] = ("wechat", "alipay", "sms"),
                 quiet_hours: Mapping[str, str] | None = None, kinds_off: frozenset[str] = frozenset()) -> Reached:  # fmt: skip
    """`on`: where the person has an account; `channels`: their order."""
    return Reached([Account(name, f"r_{person}", f"{name}-of-{person}") for name in on], channels, quiet_hours, kinds_off)
