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
    """Three codes are right at one time: of the last step, this one and the next. `code()` gives the first that has opened nothing yet."""

    staff: Staff
    audit: Audit
    id: str
    username: str
    password: str
    secret: str
    used: int = 0

    def code(self) -> str:
        return totp.code_of(self.secret, self._step())

    async def sign_in(self, password: str | None = None, code: str | None = None) -> SignedIn:
        step = self._step()
        given = code or totp.code_of(self.secret, step)
        done = await sessions.sign_in(self.staff, self.audit, self.username, password or self.password, given)
        self.used = step
        return done

    def _step(self) -> int:
        return max(self.used + 1, totp.step_at(now()) - 1)


async def make_person(staff: Staff, audit: Audit, *roles: Role, username: str = "lin.cashier") -> Person:
    handed = await accounts.create(staff, username, frozenset(roles), EVERYWHERE)
    return Person(staff, audit, handed.account_id, username, handed.password, handed.totp_secret)
