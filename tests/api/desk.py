"""Members of staff at their browsers, for any test that drives a whole stack."""

from dataclasses import dataclass
from typing import Any

from kit.clock import now
from kit.ids import new_nonce
from miniapp_api import wiring
from miniapp_api.settings import Settings
from staff import accounts, totp
from staff.roles import EVERYWHERE, Role, Scope
from tests.api.house import Answer, House

OWN = "Kaoshan-2026-tun"


@dataclass(slots=True)
class Desk:
    """One member of staff at a browser."""

    house: House
    id: str
    username: str
    password: str
    secret: str
    token: str = ""
    used: int = 0

    async def api(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        return await self.house.api(method, path, body, headers={"Authorization": f"Bearer {self.token}", **(headers or {})})

    async def log_in(self, **changes: str) -> Answer:
        """With a code that opened nothing yet: this step's, then the next one's, which is right already. A third login has to wait."""
        step = max(self.used + 1, totp.step_at(now()))
        given = {"username": self.username, "password": self.password, "totp": totp.code_of(self.secret, step), **changes}
        answer = await self.house.api("POST", "/staff/v1/login", given)
        if answer.status == 200:
            self.token, self.used = answer.json["token"], step
        return answer

    async def choose_password(self, new: str = OWN) -> Answer:
        answer = await self.api("POST", "/staff/v1/me/password", {"old_password": self.password, "new_password": new})
        if answer.status == 204:
            self.password = new
        return answer


async def make_desk(house: House, *roles: Role, ready: bool = True, scope: Scope = EVERYWHERE) -> Desk:
    """Through the real store, as the command line does; signed in with a password of their own."""
    env = house.stack.env
    keys = {"field_keys": env["ZHANGBAN_FIELD_KEYS"], "index_key": env["ZHANGBAN_INDEX_KEY"]}
    given = Settings(mongo_url=env["MONGO_URL"], mongo_database=env.get("ZHANGBAN_MONGO_DATABASE", "zhangban"), **keys)  # type: ignore[arg-type]
    mongo, staff, _ = wiring.staff_stores(given)
    handed = await accounts.create(staff, f"t{new_nonce()}", frozenset(roles), scope)
    await mongo.close()
    desk = Desk(house, handed.account_id, handed.username, handed.password, handed.totp_secret)
    if ready:
        assert (await desk.log_in()).status == 200
        assert (await desk.choose_password()).status == 204
    return desk
