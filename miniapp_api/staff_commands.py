"""What `zhangban staff …` does. Exit codes: 0 done, 1 refused or the chain is broken, 2 settings or database."""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from typing import cast

from kit.errors import AppError
from kit.mongo import PyMongoError
from miniapp_api import settings as house
from miniapp_api.settings import Settings, secret
from miniapp_api.wiring import staff_stores
from staff import accounts
from staff import audit as audit_rows
from staff import store as staff_rows
from staff.audit import Audit, Entry
from staff.roles import ADMINS, ROLES, Role, Scope
from staff.store import Staff

_USERNAME = re.compile(r"[a-z][a-z0-9._-]{2,31}")


def create(username: str, roles: list[str], scope: tuple[list[str], list[str]], force: bool) -> int:
    """`scope`: departments, regions."""
    if not _USERNAME.fullmatch(username):
        return _say("用户名应以小写字母开头，3 到 32 个小写字母、数字、点、横线")
    if unknown := [one for one in roles if one not in ROLES]:
        return _say(f"没有角色 {'、'.join(unknown)}；可用的有：{'、'.join(ROLES)}")
    wanted = cast("frozenset[Role]", frozenset(roles))

    async def run(staff: Staff, audit: Audit, given: Settings) -> int:
        if not force and (why := await _not_without_force(staff, given, wanted)):
            return _say(why)
        places = Scope(frozenset(scope[0]), frozenset(scope[1]))
        handed = await accounts.bootstrap(staff, audit, username, wanted, places)
        print(f"用户名：{handed.username}\n一次性口令：{handed.password}\n动态口令：{handed.totp_uri}")
        print("以上只显示这一次。72 小时内登录并改掉口令；动态口令录入手机应用（RFC 6238）。", file=sys.stderr)
        return 0

    return _with_stores(run)


def unlock(username: str) -> int:
    async def run(staff: Staff, audit: Audit, _: Settings) -> int:
        account = await staff.named(username)
        if account is None:
            return _say(f"没有账号 {username}")
        await audit.append(None, Entry(accounts.COMMAND_LINE, (), "accounts.unlock", account.id, "begun", ""))
        locked = await staff.tries.forget(username)
        await audit.append(None, Entry(accounts.COMMAND_LINE, (), "accounts.unlock", account.id, "done", ""))
        print(f"{username} 已解锁" if locked else f"{username} 没有锁住")
        return 0

    return _with_stores(run)


def verify(expect: str) -> int:
    seq, _, kept_hash = expect.partition(":")
    if expect and not (seq.isdecimal() and kept_hash):
        return _say("--expect 应为“编号:散列值”", 2)

    async def run(_: Staff, audit: Audit, given: Settings) -> int:
        done = await audit.verify()
        if done.first_broken is not None:
            return _say(f"审计链在第 {done.first_broken} 条断开：它被改过、删过，或不是接着前一条写的（前面 {done.checked} 条完好）")
        if expect and await audit.hash_of(int(seq)) != kept_hash:
            return _say(f"链没有断，但第 {seq} 条不是当时那一条，或已不在：末尾被删过或重写过")
        print(f"审计链完好，共 {done.checked} 条\n{done.last_seq}:{done.last_hash}")
        print("请把上面一行另外保存，下次用 --expect 带上，可发现末尾被删。", file=sys.stderr)
        return 0

    return _with_stores(run)


async def _not_without_force(staff: Staff, given: Settings, roles: frozenset[Role]) -> str | None:
    """Later accounts are made by the system administrator and given rights by the security administrator, who are audited as themselves."""
    for role in sorted(roles & ADMINS):
        if await staff.somebody_has(role):
            return f"已经有 {role}。平常请由他们在系统里建账号和授权；他们都不能登录时，用 --force 另建一个"
    if roles - ADMINS and given.profile == "production":
        return "正式环境的业务角色由安全管理员授予；确要从命令行建，加 --force"
    return None


def _with_stores(act: Callable[[Staff, Audit, Settings], Awaitable[int]]) -> int:
    given = house.load()
    needed = {"MONGO_URL": given.mongo_url, "ZHANGBAN_FIELD_KEYS": secret(given.field_keys), "ZHANGBAN_INDEX_KEY": secret(given.index_key)}
    if missing := [name for name, value in needed.items() if not value]:
        return _say(f"缺少设置 {'、'.join(missing)}：请在环境变量中给出，与 API 的相同", 2)

    async def run() -> int:
        mongo, staff, audit = staff_stores(given)
        try:
            await mongo.create_indexes({**staff_rows.INDEXES, **audit_rows.INDEXES})
            return await act(staff, audit, given)
        finally:
            await mongo.close()

    try:
        return asyncio.run(run())
    except AppError as exc:
        return _say("\n".join([exc.title, *(one.message for one in exc.errors)]))
    except PyMongoError as exc:
        return _say(f"数据库没有回应：{type(exc).__name__}", 2)


def _say(sentence: str, code: int = 1) -> int:
    print(sentence, file=sys.stderr)
    return code
