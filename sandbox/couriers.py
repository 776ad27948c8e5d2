"""Couriers outside: SF, EMS and kuaidi100 over one ledger of parcels, their pushes, and the desk where they are played."""

import asyncio
from typing import Any

from sanic import Sanic

from sandbox import ems, kuaidi100, sf, sf_gate
from sandbox.book import Book, Json
from sandbox.clock import WorldClock
from sandbox.courier_desk import Desk
from sandbox.courier_parcels import Parcels
from sandbox.courier_pushes import Pushes
from sandbox.faults import Faults

LOOK_AGAIN = 0.5  # seconds between two looks for numbers that nothing is heard of


class Couriers:
    """`callbacks`: where SF and EMS push to, without a slash at the end; "" for nowhere. kuaidi100 is told by whoever subscribes."""

    def __init__(self, book: Book, accounts: Json, parts: tuple[WorldClock, Faults], callbacks: str) -> None:
        clock, self._faults = parts
        taken = {"sf": sf.Sf.is_taken, "ems": ems.Ems.is_taken, "kuaidi100": kuaidi100.Kuaidi100.is_taken}
        self.parcels, self.pushes = Parcels(book, clock), Pushes(book, parts, taken)
        self._gate = sf_gate.SfGate(book, accounts["sf"], clock)
        within, callbacks = (self.parcels, self._faults), callbacks.rstrip("/")
        self._sf = sf.Sf(accounts["sf"], self._gate, within, callbacks)
        self._ems = ems.Ems(accounts["ems"], within, callbacks)
        self._kuaidi100 = kuaidi100.Kuaidi100(book, accounts["kuaidi100"], self.parcels, (clock, self.pushes))
        self._watch: asyncio.Task[None] | None = None
        self._desk = Desk(self.parcels, self.pushes, {"sf": self._sf, "ems": self._ems, "kuaidi100": self._kuaidi100})

    def add_routes(self, app: Sanic[Any, Any]) -> None:
        around = self._faults.around
        for party, path, handler, failed in (
            ("sf", sf.PATH, self._sf.service, sf_gate.failed),
            ("sf", "/oauth2/accessToken", self._gate.token, sf_gate.failed),
            ("ems", ems.PATH, self._ems.service, ems.failed),
            ("kuaidi100", kuaidi100.PATH, self._kuaidi100.subscribe, None),
            ("kuaidi100", f"{kuaidi100.PATH}/query.do", self._kuaidi100.query, None),
        ):
            app.add_route(
                around(party, handler, failed), path, methods=["POST"], name=f"courier_{path.strip('/').replace('/', '_').replace('.', '_')}"
            )
        app.add_route(self._desk.overview, "/world/couriers", methods=["GET"], name="world_couriers")
        path = "/world/couriers/<courier:str>/parcels/<no:str>/scans"
        app.add_route(self._desk.scan, path, methods=["POST"], name="world_couriers_scan", unquote=True)

    def begin(self) -> None:
        self.pushes.resume()
        self._watch = asyncio.get_running_loop().create_task(self._give_up())

    async def end(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    async def _give_up(self) -> None:
        while True:
            for push in self._kuaidi100.given_up():
                self.pushes.send(push)
            await asyncio.sleep(LOOK_AGAIN)
