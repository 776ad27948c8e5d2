"""A small town for tests: our real store and Redis, a core that asks people who answer, and a diary of what was told."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import cast

from core.client import Core
from core.subjects import Enterprise, Ward
from core.types import Challenge, ChallengeState
from kit.clock import now
from kit.errors import NotReached
from kit.ids import new_id, new_nonce
from kit.mongo import Tx
from kit.redis import Redis
from residents import binding, login, real_name, sessions, step_up
from residents.binding import Joining
from residents.challenge_store import PendingChallenge
from residents.changes import Change
from residents.login import ChannelAccount
from residents.sessions import Caller
from residents.store import Residents
from residents.subjects import Acting
from sandbox.people import check_digit

ADULT = date(1980, 5, 17)


@dataclass(frozen=True, slots=True)
class Citizen:
    """Somebody the core knows."""

    id: str
    name: str
    id_number: str


@dataclass(slots=True)
class PretendCore:
    """Asks whoever has exactly this name and number; nobody else can ever confirm."""

    citizens: dict[str, Citizen] = field(default_factory=dict)
    asked: dict[str, Challenge] = field(default_factory=dict)
    whom: dict[str, Citizen | None] = field(default_factory=dict)
    away: bool = False
    enterprises_of: dict[str, tuple[Enterprise, ...]] = field(default_factory=dict)
    wards_of: dict[str, tuple[Ward, ...]] = field(default_factory=dict)

    async def start_challenge(self, name: str, id_number: str, channel: str) -> Challenge:
        self._here()
        own = new_nonce()
        found = self.citizens.get(id_number)
        self.whom[own] = found if found is not None and found.name == name else None
        self.asked[own] = Challenge(challenge=own, state=ChallengeState.PENDING, method="phone", expires_at=now() + timedelta(minutes=15))
        return self.asked[own]

    async def challenge(self, challenge: str) -> Challenge:
        self._here()
        return self.asked[challenge]

    def answer(self, citizen: Citizen, state: ChallengeState = ChallengeState.APPROVED) -> int:
        """Everything that waits for them. Returns how many."""
        mine = [own for own, whom in self.whom.items() if whom == citizen and self.asked[own].state is ChallengeState.PENDING]
        for own in mine:
            person_id = citizen.id if state is ChallengeState.APPROVED else None
            self.asked[own] = self.asked[own].model_copy(update={"state": state, "person_id": person_id})
        return len(mine)

    async def enterprises(self, person_id: str) -> tuple[Enterprise, ...]:
        self._here()
        return self.enterprises_of.get(person_id, ())

    async def wards(self, person_id: str) -> tuple[Ward, ...]:
        self._here()
        return self.wards_of.get(person_id, ())

    def _here(self) -> None:
        if self.away:
            raise NotReached("core", "no_connection")


class Died(Exception):
    """The process was killed just here."""


@dataclass(slots=True)
class Diary:
    """What was told. It may die in the middle of a change."""

    changes: list[Change] = field(default_factory=list)
    dies: bool = False

    async def __call__(self, tx: Tx, change: Change) -> None:
        if self.dies:
            raise Died
        self.changes = [one for one in self.changes if one.own != change.own] + [change]

    def kinds(self) -> list[str]:
        return [one.kind for one in self.changes]


@dataclass(slots=True)
class Town:
    store: Residents
    redis: Redis
    pretend: PretendCore = field(default_factory=PretendCore)
    diary: Diary = field(default_factory=Diary)

    @property
    def core(self) -> Core:
        return cast("Core", self.pretend)

    @property
    def joining(self) -> Joining:
        return Joining(self.store, self.diary, timedelta(hours=48))

    @property
    def acting(self) -> Acting:
        return Acting(self.store, self.redis, self.pretend)

    def make_citizen(self, name: str = "王小明", born: date = ADULT) -> Citizen:
        made = Citizen(new_id("P"), name, make_id_number(born, len(self.pretend.citizens) + 1))
        self.pretend.citizens[made.id_number] = made
        return made

    async def sign_in(self, *accounts: str, channel: str = "wechat", union: str | None = None) -> Caller:
        """On the phone with this account; any account if none is given."""
        account = ChannelAccount(channel, accounts or (new_nonce(),), union)
        resident_id = await login.sign_in(self.store, self.diary, account)
        token, _ = await sessions.open_session(self.store, resident_id, channel)
        return await sessions.caller_of(self.store, self.redis, token)

    async def again(self, caller: Caller) -> Caller:
        """As the next request of this session finds them."""
        row = await self.store.sessions.session(caller.token_digest)
        if row is None:
            raise LookupError("the session is over")
        resident = await self.store.resident_row(row["resident_id"])
        return sessions._caller(caller.token_digest, {**_kept(row), "person_id": (resident or {}).get("person_id")})

    async def bind(self, caller: Caller, citizen: Citizen) -> Caller:
        started = await real_name.start(self.store, self.core, caller, citizen.name, citizen.id_number)
        self.pretend.answer(citizen)
        assert await real_name.finish(self.joining, self.core, self.redis, caller, started.challenge)
        return await self.again(caller)

    async def step_up(self, caller: Caller, citizen: Citizen) -> Caller:
        started = await step_up.start(self.store, self.core, caller)
        self.pretend.answer(citizen)
        assert await step_up.finish(self.store, self.core, self.redis, caller, started.challenge)
        return await self.again(caller)

    async def make_bound(self, citizen: Citizen | None = None, channel: str = "wechat") -> tuple[Caller, Citizen]:
        """Straight into the store: what is tested is something else."""
        citizen, caller = citizen or self.make_citizen(), await self.sign_in(channel=channel)
        own = await self.store.challenges.add("bind", caller.resident_id, ("c", now() + timedelta(minutes=5)), (citizen.name, citizen.id_number), {})
        pending = await self.store.challenges.find("bind", own, caller.resident_id)
        assert isinstance(pending, PendingChallenge)
        await binding.bind(self.joining, pending, citizen.id, [caller.resident_id])
        return await self.again(caller), citizen


def make_id_number(born: date, sequence: int = 1) -> str:
    first = f"110105{born:%Y%m%d}{sequence:03d}"
    return first + check_digit(first)


def _kept(row: dict[str, object]) -> dict[str, object]:
    return {name: row.get(name) for name in ("resident_id", "channel", "subject", "stepped_up_at")}
