"""The second door of WeChat Pay: refunds of v2 need the merchant's certificate, so this listener speaks TLS and looks at it."""

import json
import socket
import ssl
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from aiohttp import web

from sandbox.faults import Faults
from sandbox.wechat_pay_keys import OWN
from sandbox.wechat_pay_v2 import V2, no_certificate

PATH = "/secapi/pay/refund"


def address(listening: socket.socket) -> str:
    """Where a merchant refunds."""
    host, port = listening.getsockname()[:2]
    return f"https://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}{PATH}"  # noqa: S104 - a comparison


class TlsDoor:
    """`account`: what accounts.json says under wechat.pay."""

    def __init__(self, folder: Path, account: dict[str, Any], v2: V2, faults: Faults) -> None:
        self._context = _context(folder, account["refund_ca"])
        self._serial = account["merchant_serial"]
        self._v2 = v2
        self._faults = faults
        self._runner: web.AppRunner | None = None

    async def open(self, listening: socket.socket) -> None:
        app = web.Application()
        app.router.add_post(PATH, self._refund)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.SockSite(self._runner, listening, ssl_context=self._context).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _refund(self, request: web.Request) -> web.Response:
        raw = await request.read()
        shown = request.get_extra_info("peercert") or {}

        async def answered(_: web.Request) -> Any:
            is_merchant = shown.get("serialNumber", "").lstrip("0") == self._serial
            return self._v2.answered(raw, self._v2.refund) if is_merchant else no_certificate()

        reply = await self._faults.around("wechat_pay", answered, self._v2.failed)(request)
        return web.Response(body=reply.body, status=reply.status, headers={"Content-Type": reply.content_type or "text/plain"})


def _context(folder: Path, authority: str) -> ssl.SSLContext:
    """A certificate of another authority ends the handshake; who shows none is told so, as nginx does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with NamedTemporaryFile("w", dir=folder, suffix=".pem") as file:  # ssl reads keys from files only
        file.write(json.loads((folder / OWN).read_text())["server"])
        file.flush()
        context.load_cert_chain(file.name)
    context.load_verify_locations(cadata=authority)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
