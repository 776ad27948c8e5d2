"""WeChat Pay, put together: one wallet behind both versions of its API."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sanic import HTTPResponse, Sanic

from sandbox.book import Book
from sandbox.clock import WorldClock
from sandbox.deliveries import Deliveries
from sandbox.faults import Faults, Handler
from sandbox.wechat_pay_bills import Statements
from sandbox.wechat_pay_keys import load
from sandbox.wechat_pay_notices import Notices
from sandbox.wechat_pay_orders import Orders
from sandbox.wechat_pay_refunds import Refunds
from sandbox.wechat_pay_tls import PATH, TlsDoor
from sandbox.wechat_pay_v2 import V2
from sandbox.wechat_pay_v2_words import V2Wording
from sandbox.wechat_pay_v3 import V3
from sandbox.wechat_pay_v3_bills import PATH as BILL
from sandbox.wechat_pay_v3_bills import V3Bills
from sandbox.wechat_pay_v3_gate import Gate
from sandbox.wechat_pay_v3_words import V3Wording
from sandbox.wechat_pay_wallet import WeChatWallet

Failed = Callable[[], HTTPResponse]


class WeChatPay:
    """`account`: what accounts.json says under wechat."""

    def __init__(self, book: Book, folder: Path, account: dict[str, Any], parts: tuple[WorldClock, Faults]) -> None:
        clock, self._faults = parts
        keys = load(folder, account)
        gate = Gate(keys, self._faults)
        orders = Orders(book, clock)
        self._notices = Notices(book, clock, self._faults, {"v2": V2Wording(keys, self._faults), "v3": V3Wording(keys, gate)})
        self._refunds = Refunds(book, orders, clock, self._faults, self._notices.tell)
        statements = Statements(keys, orders, self._refunds, clock)
        self._v3, self._bills = V3(book, keys, gate, orders, self._refunds), V3Bills(book, statements, gate, clock)
        self._v2 = V2(book, keys, orders, self._refunds, statements)
        self._door = TlsDoor(folder, account["pay"], self._v2, self._faults)
        self.wallet = WeChatWallet(book, orders, self._notices, clock)
        self.senders: list[Deliveries] = [self._notices, self._refunds]

    async def begin(self, listening: socket.socket | None) -> None:
        """`listening`: the door for refunds of v2; None: there is none."""
        self._notices.resume()
        self._refunds.resume()
        if listening is not None:
            await self._door.open(listening)

    async def end(self) -> None:
        await self._door.close()

    def add_routes(self, app: Sanic[Any, Any]) -> None:
        v3 = self._v3
        for method, path, act in (
            ("POST", "/pay/transactions/jsapi", v3.prepay),
            ("GET", "/pay/transactions/out-trade-no/<order_no:str>", v3.by_order_no),
            ("GET", "/pay/transactions/id/<transaction_id:str>", v3.by_id),
            ("POST", "/pay/transactions/out-trade-no/<order_no:str>/close", v3.close),
            ("POST", "/refund/domestic/refunds", v3.refund),
            ("GET", "/refund/domestic/refunds/<refund_no:str>", v3.refund_query),
            ("GET", "/certificates", v3.certificates),
            ("GET", "/bill/tradebill", self._bills.trade),
        ):
            self._add(app, method, f"/v3{path}", v3.guarded(act), f"wechat_pay_v3_{act.__name__}")
        self._add(app, "GET", BILL, self._bills.download, "wechat_pay_v3_download")
        v2 = self._v2
        for path, v2_act in (("unifiedorder", v2.prepay), ("orderquery", v2.query), ("closeorder", v2.close), ("refundquery", v2.refund_query)):
            self._add(app, "POST", f"/pay/{path}", v2.guarded(v2_act), f"wechat_pay_v2_{path}", v2.failed)
        self._add(app, "POST", "/pay/downloadbill", v2.bill, "wechat_pay_v2_bill", v2.failed)
        self._add(app, "POST", PATH, v2.without_certificate, "wechat_pay_v2_refund")

    def _add(self, app: Sanic[Any, Any], method: str, path: str, handler: Handler, name: str, failed: Failed | None = None) -> None:
        entry = self._faults.around("wechat_pay", handler, failed or self._v3.failed)
        app.add_route(entry, path, methods=[method], name=name, unquote=True)
