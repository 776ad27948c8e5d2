"""Messages to Alipay's sandbox, by either kind of account; and what a gateway that signs for real may say besides."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web

from kit.alipay import Alipay, AlipayAccount
from kit.errors import NotReached, Refused, Unknown
from kit.http import Http
from notify.alipay import SEND, AlipayPush
from notify.answers import CODES, Verdict, judged
from notify.kinds import KINDS, REGISTERED
from notify.templates import AlipayTemplate, default_keywords
from tests.listener import listening
from tests.notify.outgoing import make_out
from tests.payments import alipay_merchant
from tests.sandbox.outside import Outside, Process


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outside]:
    process = Process(tmp_path_factory.mktemp("alipay") / "data").start()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        yield Outside(process, http)
    process.kill()


@pytest.fixture
async def alipay(world: Outside) -> AsyncIterator[Alipay]:
    http, mine = Http([world.process.url]), world.accounts["alipay"]
    yield Alipay(http, AlipayAccount(f"{world.process.url}/gateway.do", mine["app_id"], mine["app_private_key"], mine["alipay_public_key"]))
    await http.close()


def make_push(alipay: Alipay, template_id: str = "t", kind: str = "case_moved", **changes: Any) -> AlipayPush:
    return AlipayPush(alipay, {kind: AlipayTemplate(kind, template_id, **{"keywords": default_keywords(kind), **changes})})


async def somebody(world: Outside, kind: str) -> tuple[Any, dict[str, str], str]:
    """A person who allowed one message, their two accounts, the template."""
    person = await world.person()
    code = await world.auth_code(person)
    told = (await world.alipay("alipay.system.oauth.token", grant_type="authorization_code", code=code)).json
    template_id = world.accounts["alipay"]["templates"][kind]
    await world.world("POST", "/alipay/consents", {"person": person["person"], "template_id": template_id, "result": "accept"})
    return person, told["alipay_system_oauth_token_response"], template_id


async def phone(world: Outside, person: Any) -> list[Any]:
    return [one for one in await world.ledger("messages") if one["person"] == person["person"]]


@pytest.mark.parametrize("account", ["user_id", "open_id"])
async def test_a_message_reaches_the_phone_by_either_account_and_once_for_each_consent(world: Outside, alipay: Alipay, account: str) -> None:
    person, accounts, template_id = await somebody(world, "case_moved")
    push = make_push(alipay, template_id)
    assert await push.send(accounts[account], make_out()) is None
    (got,) = await phone(world, person)
    assert got["touser"] == accounts[account] and got["page"] == make_out().page
    assert [got["data"][f"keyword{place}"]["value"] for place in range(1, 6)] == [
        "补领居民身份证",
        "已受理",
        "2026年11月23日 15:01",
        "补领居民身份证",
        "A20261123-0001",
    ]
    with pytest.raises(Refused) as caught:
        await push.send(accounts[account], make_out())
    assert caught.value.reason == "USER_NOT_SUBSCRIBE" and judged("alipay", caught.value.reason).verdict == Verdict.REFUSED
    assert len(await phone(world, person)) == 1


@pytest.mark.parametrize("kind", REGISTERED)
async def test_alipay_takes_every_kinds_values(world: Outside, alipay: Alipay, kind: str) -> None:
    person, accounts, template_id = await somebody(world, kind)
    words = {name: "长" * 300 for name, shape in KINDS[kind].fields.items() if shape == "words"}
    await make_push(alipay, template_id, kind).send(accounts["open_id"], make_out(kind, **words))
    assert len(await phone(world, person)) == 1


async def test_a_template_nobody_has_is_our_own_fault(world: Outside, alipay: Alipay) -> None:
    _, accounts, _ = await somebody(world, "case_moved")
    with pytest.raises(Refused, match="USER_TEMPLATE_ILLEGAL"):
        await make_push(alipay, "nobodys").send(accounts["open_id"], make_out())
    assert judged("alipay", "USER_TEMPLATE_ILLEGAL").verdict == Verdict.OURS


def test_what_is_registered_is_what_is_told(alipay: Alipay) -> None:
    push = AlipayPush(alipay, {"notice": AlipayTemplate("notice", "t1", (), True), "case_moved": AlipayTemplate("case_moved", "t2", ())})
    assert (push.template("notice"), push.template("case_moved"), push.template("bill_paid")) == ("t1", "t2", None)
    assert (push.is_long_term("notice"), push.is_long_term("case_moved"), push.is_long_term("bill_paid")) == (True, False, False)
    assert push.needs_consent and not push.can_be_asked


# a gateway that says what it is told to


@pytest.fixture
async def pretend() -> AsyncIterator[tuple[Alipay, dict[str, Any]]]:
    """`says`: the inner object, signed for real; `status`; `signed`. Every biz_content it got is in `asked`."""
    says: dict[str, Any] = {"inner": {"code": "10000", "msg": "Success"}, "status": 200, "signed": True, "asked": []}

    async def answer(request: web.Request) -> web.Response:
        given = {name: values[0] for name, values in parse_qs((await request.read()).decode()).items()}
        says["asked"].append((given["method"], json.loads(given["biz_content"])))
        inner = json.dumps(says["inner"])
        sign = alipay_merchant.sign("platform", inner.encode()) if says["signed"] else "AAAA"
        body = f'{{"{SEND.replace(".", "_")}_response":{inner},"sign":"{sign}"}}'
        return web.Response(status=says["status"], text=body)

    async with listening(answer) as url:
        http = Http([url])
        yield (
            Alipay(http, AlipayAccount(f"{url}/gateway.do", "2021", alipay_merchant.private_pem("app"), alipay_merchant.public_pem("platform"))),
            says,
        )
        await http.close()


async def test_the_request_is_what_alipay_documents(pretend: Any) -> None:
    alipay, says = pretend
    push = make_push(alipay, "MDI4==", "notice", keywords=("body", "at"))
    await push.send("2088102122458832", make_out("notice", page="pages/a"))
    await push.send("074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5", make_out("notice", page="pages/a"))
    (method, first), (_, second) = says["asked"]
    assert method == SEND and set(first) == {"to_user_id", "user_template_id", "page", "data"}
    assert first["to_user_id"] == "2088102122458832" and second["to_open_id"].startswith("074a1") and "to_user_id" not in second
    assert json.loads(first["data"]) == {"keyword1": {"value": "补领居民身份证"}, "keyword2": {"value": "2026年11月23日 15:01"}}


@pytest.mark.parametrize("code", sorted(CODES["alipay"]))
async def test_every_code_in_the_table_comes_through_unchanged(pretend: Any, code: str) -> None:
    alipay, says = pretend
    says["inner"] = {"code": "40002" if code.startswith("isv.") else "40004", "msg": "x", "sub_code": code, "sub_msg": "y"}
    with pytest.raises(Refused) as caught:
        await make_push(alipay).send("2088102122458832", make_out())
    assert caught.value.reason == code and len(says["asked"]) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"inner": {"code": "20000", "msg": "Service Currently Unavailable", "sub_code": "isp.unknow-error"}}, Unknown),
        ({"inner": {"code": "20000", "msg": "x"}}, Unknown),
        ({"inner": {"code": "40004", "msg": "x", "sub_code": "isp.db-error"}}, Unknown),
        ({"inner": {"code": "40005", "msg": "x", "sub_code": "isv.app-call-limited"}}, NotReached),
        ({"inner": {"code": "40004", "msg": "Business Failed"}}, Refused),
        ({"status": 502}, Unknown),
        ({"signed": False}, Unknown),
    ],
)
async def test_what_proves_nothing_is_unknown(pretend: Any, changes: dict[str, Any], expected: type[Exception]) -> None:
    alipay, says = pretend
    says.update(changes)
    with pytest.raises(expected):
        await make_push(alipay).send("2088102122458832", make_out())
    assert len(says["asked"]) == 1


async def test_a_gateway_that_is_not_there_was_not_reached() -> None:
    http = Http(["http://127.0.0.1:1"])
    account = AlipayAccount("http://127.0.0.1:1/gateway.do", "2021", alipay_merchant.private_pem("app"), alipay_merchant.public_pem("platform"))
    with pytest.raises(NotReached):
        await make_push(Alipay(http, account)).send("2088102122458832", make_out())
    await http.close()
