"""Subscribe messages: to the sandbox's WeChat, to a pretend one that says every word, and the token that all processes share."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from kit.errors import NotReached, Refused, Unknown
from kit.http import Http, Reply
from kit.redis import Redis
from kit.wechat import WeChat, WeChatAccount
from notify.answers import CODES, Verdict, judged
from notify.kinds import KINDS, REGISTERED
from notify.templates import Template, compared, default_places
from notify.wechat import SEND, WeChatPush
from tests.listener import listening
from tests.notify.outgoing import make_out
from tests.sandbox.outside import Outside, Process

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outside]:
    process = Process(tmp_path_factory.mktemp("wechat") / "data").start()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        yield Outside(process, http)
    process.kill()


class Counted(Http):
    """Counts what is asked for tokens; `before` happens first each time."""

    def __init__(self, url: str, before: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__([url])
        self.tokens: list[bool] = []  # force_refresh of each
        self._before = before

    async def send(self, party: str, method: str, url: str, **more: Any) -> Reply:
        if "stable_token" in url:
            self.tokens.append(json.loads(more["body"]).get("force_refresh", False))
            if self._before is not None:
                await self._before()
        return await super().send(party, method, url, **more)


class Processes:
    """Several processes of one account: a WeChat, an Http and a Redis each."""

    def __init__(self, made: list[WeChat], https: list[Counted], redis: Redis, key: str) -> None:
        self.made, self.https, self.redis, self.key = made, https, redis, key

    @property
    def tokens(self) -> list[bool]:
        return [one for http in self.https for one in http.tokens]

    async def all_at_once(self, act: Callable[[WeChat], Awaitable[Any]], each: int = 50) -> list[Any]:
        return await asyncio.gather(*(act(wechat) for wechat in self.made for _ in range(each)), return_exceptions=True)

    def forget_calls(self) -> None:
        for http in self.https:
            http.tokens.clear()


@asynccontextmanager
async def processes(account: WeChatAccount, redis_url: str, before: Callable[[], Awaitable[None]] | None = None) -> AsyncIterator[Processes]:
    async with AsyncExitStack() as stack:
        made, https = [], []
        for _ in range(2):
            http, redis = Counted(account.url, before), Redis(redis_url)
            stack.push_async_callback(http.close)
            stack.push_async_callback(redis.close)
            https.append(http)
            made.append(WeChat(http, redis, account))
        key = f"wechat:token:{account.appid}"
        yield Processes(made, https, redis, key)
        await redis.forget(key)


def of_world(world: Outside, **changes: str) -> WeChatAccount:
    mine = world.accounts["wechat"]
    return WeChatAccount(**{"url": world.process.url, "appid": mine["appid"], "secret": mine["secret"], **changes})


@pytest.fixture
async def wechat(world: Outside, redis_url: str) -> AsyncIterator[WeChat]:
    async with processes(of_world(world), redis_url) as group:
        yield group.made[0]


def make_push(wechat: WeChat, template_id: str, kind: str = "case_moved", **changes: Any) -> WeChatPush:
    return WeChatPush(wechat, {kind: Template(kind, template_id, **{"places": default_places(kind), **changes})})


async def allow(world: Outside, person: Any, kind: str = "case_moved") -> str:
    template_id = str(world.accounts["wechat"]["templates"][kind])
    await world.world("POST", "/wechat/consents", {"person": person["person"], "template_id": template_id, "result": "accept"})
    return template_id


async def phone(world: Outside, person: Any) -> list[Any]:
    return [one for one in await world.ledger("messages") if one["person"] == person["person"]]


async def test_a_message_reaches_the_phone_once_for_each_consent(world: Outside, wechat: WeChat) -> None:
    person = await world.person(consents=0)
    openid, push = await world.openid(person), make_push(wechat, await allow(world, person))
    await push.send(openid, make_out())
    (got,) = await phone(world, person)
    assert got["data"]["thing1"] == {"value": "补领居民身份证"} and got["data"]["time3"] == {"value": "2026年11月23日 15:01"}
    assert got["page"] == make_out().page and set(got["data"]) == set(default_places("case_moved"))
    with pytest.raises(Refused) as caught:
        await push.send(openid, make_out())
    assert caught.value.reason == "errcode_43101" and judged("wechat", caught.value.reason).verdict == Verdict.REFUSED
    assert len(await phone(world, person)) == 1


@pytest.mark.parametrize("kind", REGISTERED)
async def test_wechat_takes_every_kinds_values(world: Outside, wechat: WeChat, kind: str) -> None:
    person = await world.person()
    push = make_push(wechat, await allow(world, person, kind), kind)
    await push.send(await world.openid(person), make_out(kind))
    assert len(await phone(world, person)) == 1


async def test_values_of_a_release_before_are_sent_as_they_are(world: Outside, wechat: WeChat) -> None:
    person = await world.person()
    push = make_push(wechat, await allow(world, person), places={"thing1": "item"})
    rendered = {key: {"value": value} for key, value in zip(default_places("case_moved"), ("旧", "已办结", "12:00", "无", "A1"), strict=True)}
    await push.send(await world.openid(person), make_out(rendered=rendered))
    assert (await phone(world, person))[0]["data"] == rendered


async def test_the_accounts_own_templates_are_asked_for_and_agree_with_every_kind(world: Outside, wechat: WeChat) -> None:
    mine = world.accounts["wechat"]
    templates = [Template(kind, own, default_places(kind), kind in mine["long_term"]) for kind, own in mine["templates"].items()]
    found = compared(templates, (await wechat.ask("/wxaapi/newtmpl/gettemplate"))["data"])
    assert {one.template.kind for one in found} == set(REGISTERED)
    assert [one for one in found if one.wrong or one.title != KINDS[one.template.kind].title] == []


async def test_nobodys_account_and_nobodys_template_are_refused_by_their_own_codes(world: Outside, wechat: WeChat) -> None:
    person = await world.person()
    with pytest.raises(Refused, match="errcode_40003"):
        await make_push(wechat, await allow(world, person)).send("oNobody", make_out())
    with pytest.raises(Refused, match="errcode_40037"):
        await make_push(wechat, "x" * 43).send(await world.openid(person), make_out())


def test_what_is_registered_is_what_is_told(wechat: WeChat) -> None:
    push = WeChatPush(wechat, {"notice": Template("notice", "t1", {}, True), "case_moved": Template("case_moved", "t2", {})})
    assert (push.template("notice"), push.template("case_moved"), push.template("bill_paid")) == ("t1", "t2", None)
    assert (push.is_long_term("notice"), push.is_long_term("case_moved"), push.is_long_term("bill_paid")) == (True, False, False)


# what WeChat says


@pytest.fixture
async def pretend(redis_url: str) -> AsyncIterator[tuple[WeChat, dict[str, Any]]]:
    """A WeChat that says what stands in the dict: `send`, `token`; every body it got is in `asked`."""
    says: dict[str, Any] = {"token": {"access_token": "T", "expires_in": 7200}, "send": {"errcode": 0}, "asked": []}

    async def answer(request: web.Request) -> web.Response:
        if "stable_token" in request.path:
            return web.json_response(says["token"])
        says["asked"].append(await request.json())
        given = says["send"]
        return given if isinstance(given, web.Response) else web.json_response(given)

    async with listening(answer) as url, processes(WeChatAccount(url, f"wx{id(says)}", "secret"), redis_url) as group:
        yield group.made[0], says


@pytest.mark.parametrize("code", sorted(int(one.removeprefix("errcode_")) for one in CODES["wechat"]))
async def test_every_code_in_the_table_comes_through_unchanged_or_says_that_nothing_happened(pretend: Any, code: int) -> None:
    wechat, says = pretend
    says["send"] = {"errcode": code, "errmsg": "x rid: 1"}
    expected = NotReached if judged("wechat", f"errcode_{code}").verdict == Verdict.LATER else Refused
    with pytest.raises(expected) as caught:
        await make_push(wechat, "t").send("o", make_out())
    assert caught.value.reason == f"errcode_{code}" and len(says["asked"]) == 1


@pytest.mark.parametrize("code", [40001, 40014, 42001, 41001])
async def test_a_token_that_is_never_liked_is_nothing_the_message_did(pretend: Any, code: int) -> None:
    wechat, says = pretend
    says["send"] = {"errcode": code, "errmsg": "x"}
    with pytest.raises(NotReached, match=f"no_token_errcode_{code}"):
        await make_push(wechat, "t").send("o", make_out())
    assert len(says["asked"]) == 2


@pytest.mark.parametrize("told", [{"errcode": 40013}, {"errcode": 40125}, {"errcode": 40164}, {"errcode": 45009}, {"expires_in": 7200}, {}])
async def test_without_a_token_nothing_was_sent(pretend: Any, told: Any) -> None:
    wechat, says = pretend
    says["token"] = told
    with pytest.raises(NotReached, match="no_token"):
        await make_push(wechat, "t").send("o", make_out())
    assert says["asked"] == []


@pytest.mark.parametrize("said", [web.Response(status=502), web.Response(text="<html>"), web.Response(text="[]"), web.Response(status=404)])
async def test_what_cannot_be_read_proves_nothing(pretend: Any, said: web.Response) -> None:
    wechat, says = pretend
    says["send"] = said
    with pytest.raises(Unknown):
        await make_push(wechat, "t").send("o", make_out())


async def test_the_request_is_what_wechat_documents_and_its_number_is_given_back(pretend: Any) -> None:
    wechat, says = pretend
    says["send"] = {"errcode": 0, "errmsg": "ok", "msgid": 294402298110051942}
    push = WeChatPush(wechat, {"notice": Template("notice", "t1", {"thing7": "body", "date2": "at"}, True)}, "trial")
    assert await push.send("o1", make_out("notice", page="pages/a")) == "294402298110051942"
    data = {"thing7": {"value": "补领居民身份证"}, "date2": {"value": "2026年11月23日 15:01"}}
    sent = {"touser": "o1", "template_id": "t1", "page": "pages/a", "data": data, "miniprogram_state": "trial", "lang": "zh_CN"}
    assert says["asked"] == [sent]


# one token for all processes


async def issued(world: Outside, appid: str) -> int:
    return len([one for one in await world.ledger("wechat") if one["kind"] == "token.issued" and one["appid"] == appid])


async def expire(world: Outside, _: Processes) -> None:
    await world.pass_time(7300)


async def kill(world: Outside, _: Processes) -> None:
    assert (await world.world("POST", "/wechat/tokens", {"invalidate": True}))["killed"]


async def force_elsewhere(world: Outside, _: Processes) -> None:
    """Somebody else of the account forces a new one; ours dies at once."""
    await world.pass_time(31)
    await world.stable_token(force_refresh=True)


@pytest.mark.parametrize(("end", "new"), [(expire, 1), (kill, 1), (force_elsewhere, 0)])
async def test_a_hundred_pushes_of_two_processes_on_a_dead_token_ask_for_one(world: Outside, redis_url: str, end: Any, new: int) -> None:
    """Without force: that is rationed to 20 a day."""
    person = await world.person()
    openid, template_id = await world.openid(person), await allow(world, person)
    account = of_world(world)
    async with processes(account, redis_url) as group:
        await asyncio.gather(*(wechat.call(SEND, {"touser": "warm"}) for wechat in group.made), return_exceptions=True)
        for _ in range(99):
            await allow(world, person)
        await end(world, group)
        before = await issued(world, account.appid)
        group.forget_calls()
        results = await group.all_at_once(lambda wechat: make_push(wechat, template_id).send(openid, make_out()))
        assert [one for one in results if isinstance(one, Exception)] == []
        assert await issued(world, account.appid) - before == new and group.tokens == [False]
    assert len(await phone(world, person)) == 100


async def test_redis_emptied_in_the_middle_costs_no_second_token(world: Outside, redis_url: str) -> None:
    """Lock and token are gone while one process asks: another may ask too, and WeChat gives it the same one."""
    account = of_world(world)
    async with processes(account, redis_url) as group:
        emptier = Redis(redis_url)

        async def empty() -> None:
            await emptier.forget(group.key)
            await emptier.forget(f"{group.key}:lock")

        for http in group.https:
            http._before = empty
        await world.pass_time(7300)
        before = await issued(world, account.appid)
        results = await group.all_at_once(lambda wechat: wechat.call(SEND, {"touser": "nobody"}))
        assert {str(one) for one in results} == {"wechat: errcode_40003"}
        assert await issued(world, account.appid) - before == 1 and len(group.tokens) <= 2 and not any(group.tokens)
        await empty()
        results = await group.all_at_once(lambda wechat: wechat.call(SEND, {"touser": "nobody"}), each=5)
        assert {str(one) for one in results} == {"wechat: errcode_40003"} and await issued(world, account.appid) - before == 1
        await emptier.close()


async def test_without_redis_each_process_asks_once_and_gets_the_same_token(world: Outside) -> None:
    account = of_world(world)
    async with processes(account, NOBODY) as group:
        await world.pass_time(7300)
        before = await issued(world, account.appid)
        results = await group.all_at_once(lambda wechat: wechat.call(SEND, {"touser": "nobody"}))
        assert {str(one) for one in results} == {"wechat: errcode_40003"}
        assert await issued(world, account.appid) - before == 1 and group.tokens == [False, False]
        await kill(world, group)
        group.forget_calls()
        results = await group.all_at_once(lambda wechat: wechat.call(SEND, {"touser": "nobody"}))
        assert {str(one) for one in results} == {"wechat: errcode_40003"}
        assert await issued(world, account.appid) - before == 2 and group.tokens == [False, False]


async def test_who_waited_for_a_refresh_that_failed_does_not_ask_again_itself(world: Outside, redis_url: str) -> None:
    """Else fifty callers would wait for WeChat's silence one after the other."""
    async with processes(of_world(world, secret="wrong"), redis_url) as group:
        results = await asyncio.gather(*(group.made[0].call(SEND, {}) for _ in range(50)), return_exceptions=True)
        assert {str(one) for one in results} == {"wechat: no_token_errcode_40125"} and all(isinstance(one, NotReached) for one in results)
        assert len(group.https[0].tokens) == 1
        with pytest.raises(NotReached):  # whoever comes later does ask
            await group.made[0].call(SEND, {})
        assert len(group.https[0].tokens) == 2


async def test_a_token_wechat_insists_on_although_it_refuses_it_is_forced_once_for_all(redis_url: str) -> None:
    good = {"token": "T1"}

    async def answer(request: web.Request) -> web.Response:
        if "stable_token" in request.path:
            if (await request.json()).get("force_refresh"):
                good["token"] = "T2"
            return web.json_response({"access_token": good["token"], "expires_in": 7200})
        return web.json_response({"errcode": 0 if request.query["access_token"] == "T2" else 40001})

    async with listening(answer) as url, processes(WeChatAccount(url, f"wx{id(good)}", "secret"), redis_url) as group:
        results = await group.all_at_once(lambda wechat: wechat.call("/send", {}))
        assert [one for one in results if isinstance(one, Exception)] == [] and group.tokens.count(True) == 1


async def test_a_token_that_came_between_the_look_and_the_lock_is_taken(redis_url: str) -> None:
    class Overtaken(Redis):
        async def add(self, key: str, value: str, seconds: int) -> bool | None:
            await self.put(key.removesuffix(":lock"), "T2", 60)
            return await super().add(key, value, seconds)

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"errcode": 0, "with": request.query.get("access_token")})

    async with listening(answer) as url:
        http, redis, account = Counted(url), Overtaken(redis_url), WeChatAccount(url, f"wx{id(answer)}", "secret")
        assert (await WeChat(http, redis, account).call("/send", {}))["with"] == "T2" and http.tokens == []
        await redis.forget(f"wechat:token:{account.appid}")
        await redis.close()
        await http.close()


async def test_asking_is_a_get_with_the_same_token(redis_url: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        if "stable_token" in request.path:
            return web.json_response({"access_token": "T", "expires_in": 7200})
        return web.json_response({"errcode": 0, "data": [request.method, request.query_string]})

    async with listening(answer) as url, processes(WeChatAccount(url, f"wx{id(answer)}", "secret"), redis_url) as group:
        assert (await group.made[0].ask("/wxaapi/newtmpl/gettemplate"))["data"] == ["GET", "access_token=T"]
