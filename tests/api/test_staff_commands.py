"""`zhangban staff …`, run as operators run it."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from kit.clock import now
from kit.crypto import Keyring
from kit.ids import new_id
from kit.mongo import Mongo, connect
from miniapp_api.cli import app
from miniapp_api.settings import unbase64
from staff import sessions, totp
from staff.audit import Audit
from staff.store import Staff
from tests.conftest import random_key


@dataclass(frozen=True, slots=True)
class Told:
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Desk:
    mongo: Mongo
    staff: Staff
    audit: Audit
    env: dict[str, str]

    async def run(self, *words: str, **extra: str) -> Told:
        """In a thread: commands bring a loop of their own."""
        done = await asyncio.to_thread(CliRunner().invoke, app, ["staff", *words], env={**self.env, **extra})
        return Told(done.exit_code, done.stdout, done.stderr)


@pytest.fixture
async def desk(mongo_url: str) -> AsyncIterator[Desk]:
    name, field_key, index_key = new_id("test"), random_key(), random_key()
    mongo, keys = connect(mongo_url, name), Keyring({"k1": unbase64(field_key)}, "k1", unbase64(index_key))
    stores = {"MONGO_URL": mongo_url, "ZHANGBAN_MONGO_DATABASE": name}
    yield Desk(
        mongo, Staff(mongo, keys), Audit(mongo, keys), {**stores, "ZHANGBAN_FIELD_KEYS": f'{{"k1": "{field_key}"}}', "ZHANGBAN_INDEX_KEY": index_key}
    )
    await mongo.client.drop_database(name)
    await mongo.close()


async def told(desk: Desk) -> list[tuple[str, str, str]]:
    return [(one.who, one.object, one.result) async for one in desk.audit.entries()]


async def test_the_first_administrator_signs_in_with_what_was_printed_once(desk: Desk) -> None:
    made = await desk.run("create", "sys.admin", "--role", "system_admin")
    assert made.code == 0, made.err
    password, secret = re.findall(r"一次性口令：(\S+)\n动态口令：\S+secret=(\w+)", made.out)[0]
    done = await sessions.sign_in(desk.staff, desk.audit, "sys.admin", password, totp.code_at(secret, now()))
    assert done.must_change_password
    assert (await told(desk))[:2] == [("command-line", "sys.admin system_admin", one) for one in ("begun", "done")]


async def test_a_second_system_administrator_is_refused_without_force(desk: Desk) -> None:
    assert (await desk.run("create", "sys.admin", "--role", "system_admin")).code == 0
    again = await desk.run("create", "sys.two", "--role", "system_admin")
    assert again.code == 1 and "--force" in again.err and again.out == ""
    assert await desk.staff.named("sys.two") is None
    assert (await desk.run("create", "sec.admin", "--role", "security_admin")).code == 0
    assert (await desk.run("create", "sys.two", "--role", "system_admin", "--force")).code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("create", "Sys.Admin", "--role", "system_admin"),
        ("create", "sys.admin", "--role", "king"),
        ("create", "sys.admin", "--role", "system_admin", "--role", "audit_admin"),
        ("unlock", "no.such"),
    ],
)
async def test_what_is_refused_is_one_sentence_and_changes_nothing(desk: Desk, words: tuple[str, ...]) -> None:
    done = await desk.run(*words)
    assert done.code == 1 and done.err.strip() and "Traceback" not in done.err and done.out == ""
    assert await desk.mongo["staff_accounts"].count_documents({}) == 0


async def test_in_production_business_roles_are_granted_by_people(desk: Desk) -> None:
    words = ("create", "li.cashier", "--role", "cashier", "--department", "*", "--region", "440104")
    assert (await desk.run(*words, ZHANGBAN_PROFILE="production")).code == 1
    assert (await desk.run(*words)).code == 0
    account = await desk.staff.named("li.cashier")
    assert account is not None and account.scope.departments == {"*"} and account.scope.regions == {"440104"}


async def test_a_name_is_never_used_twice(desk: Desk) -> None:
    assert (await desk.run("create", "li.cashier", "--role", "cashier")).code == 0
    again = await desk.run("create", "li.cashier", "--role", "approver")
    assert again.code == 1 and "用户名" in again.err


async def test_a_locked_name_is_opened(desk: Desk) -> None:
    await desk.run("create", "li.cashier", "--role", "cashier")
    for _ in range(5):
        await desk.staff.tries.begin("li.cashier")
    assert await desk.staff.tries.is_locked("li.cashier")
    assert (await desk.run("unlock", "li.cashier")).code == 0
    assert not await desk.staff.tries.is_locked("li.cashier")
    assert (await desk.run("unlock", "li.cashier")).code == 0, "the second time is boring"


async def test_verify_says_whether_the_chain_holds_and_what_to_keep(desk: Desk) -> None:
    await desk.run("create", "li.cashier", "--role", "cashier")
    await desk.run("create", "wu.approver", "--role", "approver")
    whole = await desk.run("audit", "verify")
    kept = whole.out.splitlines()[-1]
    assert whole.code == 0 and kept.startswith("4:")
    assert (await desk.run("audit", "verify", "--expect", kept)).code == 0
    await desk.mongo["staff_audit"].delete_one({"_id": 4})
    assert (await desk.run("audit", "verify")).code == 0
    lost = await desk.run("audit", "verify", "--expect", kept)
    assert lost.code == 1 and "第 4 条" in lost.err
    await desk.mongo["staff_audit"].update_one({"_id": 2}, {"$set": {"who": "nobody"}})
    broken = await desk.run("audit", "verify")
    assert broken.code == 1 and "第 2 条" in broken.err
    assert (await desk.run("audit", "verify", "--expect", "x")).code == 2


async def test_missing_settings_and_a_database_that_is_away_are_one_sentence_each(desk: Desk) -> None:
    missing = await desk.run("audit", "verify", MONGO_URL="")
    assert missing.code == 2 and "MONGO_URL" in missing.err
    away = await desk.run("audit", "verify", MONGO_URL="mongodb://127.0.0.1:9")
    assert away.code == 2 and "数据库没有回应" in away.err and "Traceback" not in away.err
