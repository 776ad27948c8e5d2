"""Bodies that go into a file, and calls with a certificate of our own. Against a real local server."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization

from kit.errors import NotReached, Unknown
from kit.http import MAX_BODY, Http
from payments.wechat_pay_account import refund_identity
from tests.listener import listening
from tests.payments.wechat_pay_merchant import cert_pem, certificate, make_account, private_pem

LARGE = b"0123456789abcdef" * (MAX_BODY // 16 + 1)


async def answer(request: web.Request) -> web.StreamResponse:
    match request.path:
        case "/large":
            return web.Response(body=LARGE)
        case "/zipped":
            return web.Response(body=gzip.compress(LARGE), headers={"Content-Encoding": "gzip"})
        case "/refusal":
            return web.Response(status=403, body=b"no")
        case "/echo":
            return web.Response(body=f"{request.method} {request.raw_path} ".encode() + await request.read())
        case "/away":
            return web.Response(status=302, headers={"Location": "http://169.254.169.254/"})
    made = web.StreamResponse(headers={"Content-Length": "1000"})
    await made.prepare(request)
    await made.write(b"x" * 10)
    if request.path == "/cut":
        assert request.transport is not None
        request.transport.close()
    else:
        await asyncio.sleep(1)
    return made


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with listening(answer) as own:
        yield own


@pytest.fixture
async def http(url: str) -> AsyncIterator[Http]:
    own = Http([url, "http://127.0.0.1:1"])
    yield own
    await own.close()


@pytest.mark.parametrize("path", ["/large", "/zipped"])
async def test_a_body_larger_than_a_reply_may_be_goes_into_a_file(url: str, http: Http, tmp_path: Path, path: str) -> None:
    reply = await http.download("x", url + path, tmp_path / "file")
    assert (reply.status, reply.body) == (200, b"") and (tmp_path / "file").read_bytes() == LARGE
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


async def test_what_is_no_yes_comes_back_and_leaves_the_file_before_it_alone(url: str, http: Http, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"earlier")
    reply = await http.download("x", f"{url}/refusal", tmp_path / "file")
    assert (reply.status, reply.body) == (403, b"no")
    assert (await http.download("x", f"{url}/away", tmp_path / "file")).status == 302
    for path in ("/cut", "/hangs"):
        with pytest.raises(Unknown):
            await http.download(path, url + path, tmp_path / "file", seconds=0.3)
    for path in ("/large", "/zipped"):
        with pytest.raises(Unknown, match="reply_too_large"):
            await http.download("x", url + path, tmp_path / "file", most=len(LARGE) - 1)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("file", b"earlier")]


async def test_the_address_and_the_body_go_out_as_given(url: str, http: Http, tmp_path: Path) -> None:
    for path, body in (("/echo?token=a%2Fb%7Cc%3D", None), ("/echo", b"<xml/>")):
        await http.download("x", url + path, tmp_path / "file", body=body)
        assert (tmp_path / "file").read_bytes() == (f"GET {path} ".encode() if body is None else b"POST /echo <xml/>")


async def test_a_file_too_comes_from_listed_origins_alone_and_opens_the_breaker(http: Http, tmp_path: Path) -> None:
    with pytest.raises(NotReached, match="egress"):
        await http.download("x", "http://169.254.169.254/latest", tmp_path / "file")
    for _ in range(5):
        with pytest.raises(NotReached, match="no_connection"):
            await http.download("p", "http://127.0.0.1:1/", tmp_path / "file")
    with pytest.raises(NotReached, match="breaker_open"):
        await http.download("p", "http://127.0.0.1:1/", tmp_path / "file")


@asynccontextmanager
async def gateway_with_certificate(folder: Path) -> AsyncIterator[str]:
    """Shows the certificate of "gateway" and demands the merchant's."""
    for name, text in (("cert", cert_pem(certificate("gateway"))), ("key", private_pem("gateway")), ("ca", cert_pem(certificate("merchant")))):
        (folder / name).write_text(text)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca"))
    context.load_cert_chain(folder / "cert", folder / "key")
    context.verify_mode = ssl.CERT_REQUIRED

    async def who(request: web.Request) -> web.Response:
        assert request.transport is not None
        shown = request.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return web.Response(body=b"merchant" if shown == certificate("merchant").public_bytes(serialization.Encoding.DER) else b"stranger")

    app = web.Application()
    app.router.add_route("*", "/", who)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://localhost:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_one_origin_is_shown_the_merchants_certificate_and_another_is_not(url: str, tmp_path: Path) -> None:
    async with gateway_with_certificate(tmp_path) as guarded:
        identity = refund_identity(make_account(), ca=cert_pem(certificate("gateway")))
        ours, nobody = Http([guarded, url], identities={guarded: identity}), Http([guarded])
        system = Http([guarded], identities={guarded: refund_identity(make_account())})
        trusting = ssl.create_default_context(cadata=cert_pem(certificate("gateway")))
        bare = Http([guarded], identities={guarded: trusting})
        try:
            assert (await ours.send("x", "POST", guarded, body=b"x")).body == b"merchant"
            assert (await ours.download("x", guarded, tmp_path / "file")).status == 200 and (tmp_path / "file").read_bytes() == b"merchant"
            assert (await ours.send("x", "GET", f"{url}/refusal")).status == 403
            for other in (nobody, system):  # an authority nobody told us of
                with pytest.raises(NotReached):
                    await other.send("x", "POST", guarded, body=b"x")
            with pytest.raises((NotReached, Unknown)):  # no certificate of ours: TLS 1.3 says so after the handshake
                await bare.send("x", "POST", guarded, body=b"x")
        finally:
            for one in (ours, nobody, system, bare):
                await one.close()


def test_an_identity_of_parts_that_do_not_belong_together_is_refused_at_start() -> None:
    for wrong in ({"merchant_cert": ""}, {"merchant_cert": cert_pem(certificate("gateway"))}, {"merchant_private_key": "x"}):
        with pytest.raises(ValueError):
            refund_identity(make_account(**wrong))
