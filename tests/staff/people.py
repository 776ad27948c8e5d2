"""Staff for tests, through the real store; their codes without waiting for the next one."""

from dataclasses import dataclass

from kit.clock import now
from staff import accounts, sessions, totp
from staff.audit import Audit
from staff.roles import EVERYWHERE, Role
from staff.sessions import SignedIn
from staff.store import Staff

GOOD = "Kaoshan-2026-tun"


@dataclass(slots=True)
class Person:
    """One with a phone that shows codes."""

    staff: Staff
    audit: Audit
    id: str
    username: str
    password: str
    secret: str

    def code(self) -> str:
        """Of this very step, so that a slow machine may take 30 s until it is looked at."""
        return totp.code_at(self.secret, now())

    async def sign_in(self, password: str | None = None, code: str | None = None) -> SignedIn:
        """Without a code given: as if the time of those used before had passed."""
        if code is None:
            await self.staff.mongo["staff_accounts"].update_one({"_id": self.id}, {"$set": {"totp_step": -1}})
        return await sessions.sign_in(self.staff, self.audit, self.username, password or self.password, code or self.code())


async def make_person(staff: Staff, audit: Audit, *roles: Role, username: str = "lin.cashier") -> Person:
    handed = await accounts.create(staff, username, frozenset(roles), EVERYWHERE)
    return Person(staff, audit, handed.account_id, username, handed.password, handed.totp_secret)
