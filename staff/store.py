"""Every query of staff accounts and sessions. Changes are compare-and-set; what must end other sessions moves the account's epoch with it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from kit.clock import now
from kit.crypto import Keyring
from kit.errors import Conflict
from kit.mongo import ASCENDING, DuplicateKeyError, IndexModel, Mongo, Tx
from staff import passwords
from staff.lockout import INDEXES as TRIES
from staff.lockout import Tries
from staff.roles import Role, Scope

INDEXES = {
    "staff_accounts": [IndexModel([("username", ASCENDING)], name="username", unique=True)],
    "staff_sessions": [IndexModel([("expires_at", ASCENDING)], name="forget", expireAfterSeconds=0)],
    **TRIES,
}
PASSWORD_LASTS = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Account:
    """`password` and `past` are Argon2id strings; `epoch` counts what ended all sessions; `one_time_until` stands until the first own password."""

    id: str
    username: str
    password: str
    past: list[str]
    password_at: datetime
    one_time_until: datetime | None
    totp: str
    roles: frozenset[Role]
    scope: Scope
    disabled: bool
    epoch: int
    created_at: datetime
    signed_in_at: datetime | None

    def must_change(self, at: datetime) -> bool:
        return self.one_time_until is not None or self.password_at + PASSWORD_LASTS <= at


@dataclass(frozen=True, slots=True)
class Session:
    digest: str
    account_id: str
    epoch: int
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a new or reset account signs in with first."""

    password: str  # Argon2id
    totp: str  # base32
    one_time_until: datetime


class Staff:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self.mongo = mongo
        self.tries = Tries(mongo, keys)
        self._accounts, self._sessions, self._keys = mongo["staff_accounts"], mongo["staff_sessions"], keys

    async def add(self, account_id: str, username: str, made: Secrets, roles: frozenset[Role], scope: Scope) -> None:
        """Raises Conflict when the name is taken: names are never used twice, the audit tells of people by them."""
        row = {"_id": account_id, "username": username, "disabled": False, "epoch": 0, "created_at": now(), "signed_in_at": None}
        try:
            await self._accounts.insert_one({**row, **self._secrets(account_id, made), **_rights(roles, scope)})
        except DuplicateKeyError as exc:
            raise Conflict("staff_username_taken", "这个用户名已经有人用，请换一个") from exc

    async def account(self, account_id: str) -> Account | None:
        return self._read(await self._accounts.find_one({"_id": account_id}))

    async def named(self, username: str) -> Account | None:
        return self._read(await self._accounts.find_one({"username": username}))

    async def page(self, after: str, limit: int) -> list[Account]:
        """By username."""
        rows = self._accounts.find({"username": {"$gt": after}}).sort("username", ASCENDING).limit(limit)
        return [account async for row in rows if (account := self._read(row)) is not None]

    async def somebody_has(self, role: Role) -> bool:
        return await self._accounts.count_documents({"roles": role, "disabled": False}, limit=1) > 0

    async def use_step(self, account: Account, step: int, tx: Tx) -> bool:
        """A code is used once: True for whoever comes first, and not if the account changed meanwhile."""
        mine = {"_id": account.id, "totp_step": {"$lt": step}, "epoch": account.epoch, "disabled": False}
        change = {"$set": {"totp_step": step, "signed_in_at": now()}}
        return bool((await self._accounts.update_one(mine, change, session=tx)).modified_count)

    async def set_rights(self, account_id: str, roles: frozenset[Role], scope: Scope) -> bool:
        """False: no such account in use."""
        found = await self._accounts.update_one({"_id": account_id, "disabled": False}, {"$set": _rights(roles, scope)})
        return found.matched_count > 0

    async def disable(self, account_id: str) -> bool:
        """For good, sessions included; the second time changes nothing. False: no such account."""
        if (
            await self._accounts.update_one({"_id": account_id, "disabled": False}, {"$set": {"disabled": True}, "$inc": {"epoch": 1}})
        ).modified_count:
            return True
        return await self._accounts.count_documents({"_id": account_id}, limit=1) > 0

    async def reset(self, account_id: str, made: Secrets) -> bool:
        """New password and second factor, no session left. False: no such account in use."""
        change = {"$set": self._secrets(account_id, made), "$inc": {"epoch": 1}}
        return (await self._accounts.update_one({"_id": account_id, "disabled": False}, change)).matched_count > 0

    async def change_password(self, account: Account, hashed: str, session: str) -> bool:
        """Ends every session but this one. False: the account changed meanwhile."""
        mine = {"_id": account.id, "epoch": account.epoch, "password": account.password, "disabled": False}
        past = [*account.past, hashed][-passwords.HISTORY :]
        change = {"$set": {"password": hashed, "past": past, "password_at": now(), "one_time_until": None}, "$inc": {"epoch": 1}}

        async def both(tx: Tx) -> bool:
            if not (await self._accounts.update_one(mine, change, session=tx)).modified_count:
                return False
            await self._sessions.update_one({"_id": session}, {"$set": {"epoch": account.epoch + 1}}, session=tx)
            return True

        return await self.mongo.transaction(both)

    async def open_session(self, session: Session, tx: Tx) -> None:
        row = {"_id": session.digest, "account_id": session.account_id, "epoch": session.epoch}
        await self._sessions.insert_one({**row, "seen_at": session.seen_at, "expires_at": session.expires_at}, session=tx)

    async def session(self, token_digest: str) -> Session | None:
        row = await self._sessions.find_one({"_id": token_digest})
        return None if row is None else Session(row["_id"], row["account_id"], row["epoch"], row["seen_at"], row["expires_at"])

    async def slide(self, session: Session, at: datetime) -> None:
        """Whoever of several requests comes first writes; the others find it done."""
        await self._sessions.update_one({"_id": session.digest, "seen_at": session.seen_at}, {"$set": {"seen_at": at}})

    async def close_session(self, token_digest: str) -> None:
        await self._sessions.delete_one({"_id": token_digest})

    def _secrets(self, account_id: str, made: Secrets) -> dict[str, Any]:
        """Of a new secret no code was used yet."""
        sealed = self._keys.seal(made.totp, f"staff_accounts/totp/{account_id}")
        kept = {"password": made.password, "past": [made.password], "password_at": now(), "one_time_until": made.one_time_until}
        return {**kept, "totp": sealed, "totp_step": -1}

    def _read(self, row: dict[str, Any] | None) -> Account | None:
        if row is None:
            return None
        return Account(
            id=row["_id"],
            username=row["username"],
            password=row["password"],
            past=row["past"],
            password_at=row["password_at"],
            one_time_until=row["one_time_until"],
            totp=self._keys.open(row["totp"], f"staff_accounts/totp/{row['_id']}"),
            roles=cast("frozenset[Role]", frozenset(row["roles"])),
            scope=Scope(frozenset(row["departments"]), frozenset(row["regions"])),
            disabled=row["disabled"],
            epoch=row["epoch"],
            created_at=row["created_at"],
            signed_in_at=row["signed_in_at"],
        )


def digest(token: str) -> str:
    """What is stored of a bearer token: a copy of the database opens no session."""
    return hashlib.sha256(token.encode()).hexdigest()


def _rights(roles: frozenset[Role], scope: Scope) -> dict[str, Any]:
    return {"roles": sorted(roles), "departments": sorted(scope.departments), "regions": sorted(scope.regions)}
