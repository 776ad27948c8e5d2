"""What a cashier does with anybody's wallet: sees the orders that wait and pays one, in the ways in which paying goes right and wrong.

Each wallet keeps its own orders; here they are only shown and paid.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused

# once: paid and told; twice: told twice at the same time; late: told after LATE seconds of the world's clock; forged: not paid, told with a bad
# signature; wrong_amount: not paid, told properly signed with another amount; never: paid, and nobody told.
WAYS = ("once", "twice", "late", "forged", "wrong_amount", "never")
LATE = 10  # seconds of the world's clock
SHOWN = 200  # orders on the page


@dataclass(frozen=True, slots=True)
class NotPayable:
    """404: no such order. 409: paid, closed or expired. `title` is Chinese, for who stands at the till."""

    status: int
    title: str


class Wallet(Protocol):
    def pay(self, order_no: str, how: str, even_closed: bool) -> dict[str, Any] | NotPayable:
        """{order_no, paid, transaction_id}; `how` is one of WAYS; `even_closed`: it lands although the order is closed or expired, as in a race."""

    def orders(self) -> list[dict[str, Any]]:
        """{wallet, order_no, title, amount_fen, state: unpaid|expired|closed|paid, person, made_at, expires_at, refunded_fen}; times ISO 8601 UTC."""


class Wallets:
    """`wallets`: by the name in the path, wechat and alipay."""

    def __init__(self, wallets: Mapping[str, Wallet]) -> None:
        self._wallets = wallets

    async def pay(self, request: Request, wallet: str) -> HTTPResponse:
        """POST /world/wallets/<wallet>/pay {order_no, as?: one of WAYS, even_closed?: bool} -> {order_no, paid, transaction_id}"""
        asked = body_of(request)
        order_no, how, even_closed = asked.get("order_no"), asked.get("as", "once"), asked.get("even_closed", False)
        if wallet not in self._wallets:
            return refused(404, "unknown_wallet", f"没有这个钱包，可用：{'、'.join(self._wallets)}")
        wrong = [] if isinstance(order_no, str) and order_no else ["缺少 order_no"]
        wrong += [] if how in WAYS else [f"as 只能是 {'、'.join(WAYS)}"]
        wrong += [] if isinstance(even_closed, bool) else ["even_closed 应为 true 或 false"]
        if wrong:
            return refused(422, "bad_request", "付不了款", wrong)
        done = self._wallets[wallet].pay(str(order_no), how, even_closed)
        if isinstance(done, NotPayable):
            return refused(done.status, "unknown_order" if done.status == 404 else "not_payable", done.title)
        return json(done)

    async def orders(self, request: Request) -> HTTPResponse:
        """GET /world/wallets/orders: of all wallets, the newest first."""
        every = [order for wallet in self._wallets.values() for order in wallet.orders()]
        return json({"orders": sorted(every, key=lambda order: str(order["made_at"]), reverse=True)[:SHOWN]})
