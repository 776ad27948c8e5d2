"""The couriers of the sandbox, called by our adapters; and a pretend courier on loopback that says what it is told to."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web

from delivery.couriers import Booking, Notice, Party, Payer
from delivery.ems_gate import EmsAccount
from delivery.kuaidi100 import Kuaidi100Account
from delivery.sf_gate import SfAccount
from kit.ids import new_id
from tests.listener import listening
from tests.sandbox.outside import Outside, Process

HALL = Party("临江市政务服务中心", "02088886666", "广东省", "临江市", "城东区", "市民大道1号")
HOME = Party("某某", "13900000001", "湖南省", "长沙市", "岳麓区", "某路~5号*（+2 栋）&a=%41")
NOBODY = Party("某某", "13900000001", "湖南省", "长沙市", "岳麓区", "不派送的地方1号")


def make_booking(shipment_id: str = "", *, receiver: Party = HOME, payer: Payer = "sender") -> Booking:
    return Booking(shipment_id or f"{new_id('parcel')}-1", HALL, receiver, payer, "证照")


def make_notice(body: bytes | str) -> Notice:
    return Notice(body.encode() if isinstance(body, str) else body, {}, {})


@asynccontextmanager
async def courier_world(folder: Path) -> AsyncIterator[tuple[Outside, "Inbox"]]:
    """A sandbox whose couriers push to the inbox."""
    inbox = Inbox()
    async with listening(inbox.take) as url:
        process = Process(folder, ("--couriers", url)).start()
        inbox.url = url
        try:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
                yield Outside(process, http), inbox
        finally:
            process.kill()


class Inbox:
    """Every push that came: (path, body). `answer`: what is said to it."""

    def __init__(self) -> None:
        self.url = ""
        self.pushed: list[tuple[str, bytes]] = []
        self.answer: Callable[[], tuple[bytes, str]] = lambda: (b"{}", "application/json")

    async def take(self, request: web.Request) -> web.Response:
        self.pushed.append((request.path, await request.read()))
        body, kind = self.answer()
        return web.Response(body=body, content_type=kind)

    def after(self, waybill: str) -> list[tuple[str, bytes]]:
        """Those in whose body the waybill stands in the clear."""
        return [one for one in self.pushed if waybill.encode() in one[1]]


def sf_account(world: Outside, **changes: Any) -> SfAccount:
    given = dict(world.accounts["sf"])
    return SfAccount(**{"url": world.process.url + given.pop("path"), **given, **changes})


def ems_account(world: Outside, **changes: Any) -> EmsAccount:
    given = dict(world.accounts["ems"])
    return EmsAccount(**{"url": world.process.url + given.pop("path"), **given, **changes})


def kuaidi100_account(world: Outside, callback_url: str, **changes: Any) -> Kuaidi100Account:
    given = dict(world.accounts["kuaidi100"])
    return Kuaidi100Account(**{"url": world.process.url + given.pop("path"), "callback_url": callback_url, **given, **changes})


async def scan(world: Outside, courier: str, no: str, *kinds: str, **how: Any) -> list[dict[str, Any]]:
    done = await world.world("POST", f"/couriers/{courier}/parcels/{no}/scans", {"kind": list(kinds), **how})
    scans: list[dict[str, Any]] = done["scans"]
    return scans


async def orders(world: Outside, courier: str, shipment_id: str) -> list[str]:
    """What the courier's own ledger has of an order."""
    return [one["kind"] for one in await world.ledger(courier) if one.get("order_no") == shipment_id and one["kind"].startswith("order.")]


class Says:
    """A courier that answers with `reply` (an object or a text), or hangs up. `asked`: path and form of every call."""

    def __init__(self) -> None:
        self.reply: Any = {}
        self.status = 200
        self.hangs_up = False
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.next: list[Any] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))))
        if self.hangs_up:
            assert request.transport is not None
            request.transport.abort()
        reply = self.next.pop(0) if self.next else self.reply
        return web.Response(status=self.status, text=reply if isinstance(reply, str) else json.dumps(reply), content_type="application/json")


Call = Callable[[], Awaitable[Any]]
