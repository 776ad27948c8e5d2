"""Calls to the outside: allow-list, time-outs, what counts as unknown, and tokens refreshed once. Against a real local server."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from kit.alipay import Alipay, AlipayAccount
from kit.errors import NotReached, Refused, Unknown
from kit.http import MAX_BODY, Http
from kit.redis import Redis
from kit.wechat import WeChat, WeChatAccount
from tests.listener import listening


class Server:
    """Answers by path with what a test put there; counts the calls."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[str] = []
        self.answers: dict[str, Any] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(request.path)
        answer = self.answers[request.path]
        if callable(answer):
            answer = await answer(request)
        if isinstance(answer, web.StreamResponse):
            return answer
        return web.Response(text=answer if isinstance(answer, str) else json.dumps(answer), content_type="text/plain")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    own = Server()
    async with listening(own.handle) as own.url:
        yield own


@pytest.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    own = Http([server.url, "http://127.0.0.1:1"])
    yield own
    await own.close()


async def test_only_listed_origins_are_called_and_redirects_are_not_followed(server: Server, http: Http) -> None:
    async def away(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://169.254.169.254/"})

    server.answers["/"] = away
    assert (await http.send("x", "GET", f"{server.url}/")).status == 302
    for url in ("http://169.254.169.254/latest", "http://localhost:1/", "file:///etc/passwd", f"{server.url}@evil/"):
        with pytest.raises(NotReached, match="egress"):
            await http.send("x", "GET", url)


async def test_a_refused_connection_did_nothing_and_silence_proves_nothing(server: Server, http: Http) -> None:
    with pytest.raises(NotReached):
        await http.send("closed", "GET", "http://127.0.0.1:1/")

    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        raise AssertionError

    async def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    server.answers |= {"/silent": silent, "/cut": cut, "/large": "x" * (MAX_BODY + 1), "/html": "<html>", "/list": "[]"}
    for path in ("/silent", "/cut", "/large"):
        with pytest.raises(Unknown):
            await http.send(path, "POST", server.url + path, body=b"{}", seconds=0.3 if path == "/silent" else 5)
    for path in ("/html", "/list"):
        with pytest.raises(Unknown, match="garbled"):
            (await http.send("x", "GET", server.url + path)).json()


async def test_the_breaker_spares_a_party_that_is_down_and_notices_when_it_is_back(server: Server, http: Http) -> None:
    for _ in range(5):
        with pytest.raises(NotReached, match="no_connection"):
            await http.send("p", "GET", "http://127.0.0.1:1/")
    with pytest.raises(NotReached, match="breaker_open"):
        await http.send("p", "GET", "http://127.0.0.1:1/")
    assert http.is_open("p") and not http.is_open("other")
    http._breakers["p"].probe_at = 0
    server.answers["/"] = {}
    await http.send("p", "GET", f"{server.url}/")
    assert not http.is_open("p")


@pytest.fixture
async def wechat(server: Server, http: Http, redis_url: str) -> AsyncIterator[WeChat]:
    redis = Redis(redis_url)
    own = WeChat(http, redis, WeChatAccount(server.url, f"wx{id(server)}", "secret"))
    yield own
    await redis.forget(own._key)
    await redis.close()


async def test_a_hundred_calls_on_a_dead_token_cause_one_refresh(server: Server, wechat: WeChat) -> None:
    good = {"token": "T1"}
    issued: list[str] = []

    async def issue(_: web.Request) -> dict[str, Any]:
        issued.append(good["token"])
        return {"access_token": good["token"], "expires_in": 7200}

    async def send(request: web.Request) -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return {"errcode": 0} if request.query["access_token"] == good["token"] else {"errcode": 40001, "errmsg": "dead"}

    server.answers |= {"/cgi-bin/stable_token": issue, "/send": send}
    await wechat.call("/send", {})
    good["token"] = "T2"
    await asyncio.gather(*(wechat.call("/send", {}) for _ in range(100)))
    assert issued == ["T1", "T2"]


async def test_a_gateway_that_never_likes_the_token_is_asked_twice_and_no_more(server: Server, wechat: WeChat) -> None:
    server.answers |= {"/cgi-bin/stable_token": {"access_token": "T", "expires_in": 7200}, "/send": {"errcode": 40001}}
    with pytest.raises(NotReached, match="no_token_errcode_40001"):
        await wechat.call("/send", {})
    assert server.calls.count("/send") == 2 and server.calls.count("/cgi-bin/stable_token") <= 3


async def test_without_a_token_nothing_was_sent(server: Server, wechat: WeChat) -> None:
    server.answers |= {"/cgi-bin/stable_token": "<html>"}
    with pytest.raises(NotReached, match="no_token"):
        await wechat.call("/send", {})
    assert "/send" not in server.calls


async def test_busy_is_try_later_and_a_missing_errcode_is_success(server: Server, wechat: WeChat) -> None:
    server.answers |= {"/sns/jscode2session": {"openid": "o"}}
    assert (await wechat.code_to_session("c"))["openid"] == "o"
    server.answers |= {"/sns/jscode2session": {"errcode": -1, "errmsg": "system busy rid: 1"}}
    with pytest.raises(NotReached):
        await wechat.code_to_session("c")


def pem(key: rsa.RSAPrivateKey) -> tuple[str, str]:
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@pytest.fixture(scope="module")
def rsa_keys() -> tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]:
    return rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)


@pytest.fixture
def alipay(server: Server, http: Http, rsa_keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]) -> Alipay:
    merchant, platform = rsa_keys
    return Alipay(http, AlipayAccount(f"{server.url}/gateway.do", "2021", pem(merchant)[0], pem(platform)[1]))


def signed(platform: rsa.RSAPrivateKey, inner: str, name: str = "alipay_x_response") -> str:
    made = base64.b64encode(platform.sign(inner.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
    return f'{{"{name}":{inner},"sign":"{made}"}}'


async def test_alipay_calls_are_signed_posts_without_empty_values(server: Server, alipay: Alipay, rsa_keys: Any) -> None:
    merchant, platform = rsa_keys
    seen: dict[str, str] = {}

    async def gateway(request: web.Request) -> str:
        assert request.method == "POST" and not request.query_string
        seen.update(parse_qsl(await request.text(), keep_blank_values=True))
        return signed(platform, '{"code":"10000","note":"a } brace and a \\" quote"}')

    server.answers["/gateway.do"] = gateway
    assert (await alipay.call("alipay.x", code="C", empty=""))["note"].startswith("a }")
    message = "&".join(f"{key}={value}" for key, value in sorted(seen.items()) if key != "sign")
    merchant.public_key().verify(base64.b64decode(seen["sign"]), message.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert "empty" not in seen and "biz_content" not in seen and seen["code"] == "C"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ('{"alipay_x_response":{"code":"10000"}}', Unknown),
        ('{"alipay_x_response":{"code":"10000"},"sign":"AAAA"}', Unknown),
        ('{"alipay_x_response":{"code":"10000"},"sign":"不是base64"}', Unknown),
        ("<html>", Unknown),
        ('{"error_response":{"code":"40002","sub_code":"isv.code-invalid"}}', Refused),
        ('{"error_response":{"code":"20000","sub_code":"isp.unknow-error"}}', Unknown),
    ],
)
async def test_what_alipay_did_not_sign_proves_nothing(server: Server, alipay: Alipay, reply: str, error: type[Exception]) -> None:
    server.answers["/gateway.do"] = reply
    with pytest.raises(error):
        await alipay.call("alipay.x")


async def test_a_signed_refusal_of_alipay_is_a_refusal(server: Server, alipay: Alipay, rsa_keys: Any) -> None:
    server.answers["/gateway.do"] = signed(rsa_keys[1], '{"code":"40004","sub_code":"USER_NOT_SUBSCRIBE"}')
    with pytest.raises(Refused, match="USER_NOT_SUBSCRIBE"):
        await alipay.call("alipay.x")


async def test_a_lost_redis_is_an_absence_and_never_an_error() -> None:
    redis = Redis("redis://127.0.0.1:1/0")
    assert await redis.get("k") is None and await redis.add("k", "v", 1) is None and await redis.count("k", 1) is None
    await redis.put("k", "v", 1)
    assert await redis.ping() is False
    await redis.close()
