"""Statements of WeChat Pay: the text of a Beijing day that is over, amounts in yuan, a backquote before every value (reference: format-trade)."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sandbox.clock import WorldClock
from sandbox.wechat_pay_keys import Keys
from sandbox.wechat_pay_orders import BEIJING, Json, Orders, beijing
from sandbox.wechat_pay_refunds import Refunds

KINDS = ("ALL", "SUCCESS", "REFUND")
OLDEST = timedelta(days=92)  # "three months"
RATE = 6  # per mille of the amount, rounded half up to fen; given back with a refund
_HEAD = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额"
_REFUND = "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态"
_GOODS = "商品名称,商户数据包,手续费,费率,订单金额"
_HEADS = {
    "ALL": f"{_HEAD},{_REFUND},{_GOODS},申请退款金额,费率备注",
    "SUCCESS": f"{_HEAD},{_GOODS},费率备注",
    "REFUND": f"{_HEAD},退款申请时间,退款成功时间,{_REFUND},{_GOODS},申请退款金额,费率备注",
}
_TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
_TOTALS_SUCCESS = "总交易单数,应结订单总金额,手续费总金额,订单总金额"


class Statements:
    def __init__(self, keys: Keys, orders: Orders, refunds: Refunds, clock: WorldClock) -> None:
        self._keys = keys
        self._orders = orders
        self._refunds = refunds
        self._clock = clock

    def wrong_day(self, day: date) -> str | None:
        """today: the day is not over; old: nobody keeps it so long."""
        today = beijing(self._clock.seconds()).date()
        if day >= today:
            return "today"
        return "old" if today - day > OLDEST else None

    def text(self, day: date, kind: str) -> bytes | None:
        """With a byte order mark. `kind`: of KINDS. None: nothing happened on that day."""
        paid, refunded = self._of(day)
        paid, refunded = [] if kind == "REFUND" else paid, [] if kind == "SUCCESS" else refunded
        if not paid and not refunded:
            return None
        rows = [(order["paid"], self._paid(order, kind)) for order in paid]
        rows += [(refund["made"], self._refunded(order, refund, kind, day)) for order, refund in refunded]
        details = [row for _, row in sorted(rows, key=lambda row: float(row[0]))]
        totals = _totals(paid, [refund for _, refund in refunded], kind)
        head = _TOTALS_SUCCESS if kind == "SUCCESS" else _TOTALS
        return ("\ufeff" + "\r\n".join([_HEADS[kind], *map(_line, details), head, _line(totals)]) + "\r\n").encode()

    def _of(self, day: date) -> tuple[list[Json], list[tuple[Json, Json]]]:
        """Orders by the day they were paid, refunds by the day they were asked for."""
        start = datetime(day.year, day.month, day.day, tzinfo=BEIJING).timestamp()
        orders = {order["order_no"]: order for order in self._orders.every()}
        paid = [order for order in orders.values() if start <= order.get("paid", 0) < start + 86400]
        refunds = [refund for refund in self._refunds.every() if start <= refund["made"] < start + 86400]
        return paid, [(orders[refund["order_no"]], refund) for refund in refunds]

    def _paid(self, order: Json, kind: str) -> list[str]:
        none = ["0", "0", "0.00", "0.00", "", ""] if kind == "ALL" else []
        amount = yuan(order["amount_fen"])
        asked = ["0.00"] if kind == "ALL" else []
        return [*self._head(order, order["paid"], "SUCCESS", amount), *none, *_goods(order, fee(order["amount_fen"]), amount), *asked, ""]

    def _refunded(self, order: Json, refund: Json, kind: str, day: date) -> list[str]:
        """The state is the one at the end of that day, and is never told again."""
        over = datetime(day.year, day.month, day.day, tzinfo=BEIJING).timestamp() + 86400
        done = refund["done"] is not None and refund["done"] < over
        status = "SUCCESS" if done else "CHANGE" if refund["status"] == "ABNORMAL" else "PROCESSING"
        times = [_time(refund["made"]), _time(refund["done"]) if done else ""] if kind == "REFUND" else []
        amount = yuan(refund["amount_fen"])
        own = [refund["refund_id"], refund["refund_no"], amount, "0.00", "ORIGINAL", status]
        head = self._head(order, order["paid"] if kind == "REFUND" else refund["made"], "REFUND", "0.00")
        return [*head, *times, *own, *_goods(order, -fee(refund["amount_fen"]), "0.00"), amount, ""]

    def _head(self, order: Json, at: float, state: str, amount: str) -> list[str]:
        ids = [self._keys.appid, self._keys.mchid, "0", "", order["transaction_id"], order["order_no"], order["openid"]]
        return [_time(at), *ids, "JSAPI", state, "OTHERS", "CNY", amount, "0.00"]


def fee(fen: int) -> int:
    return (fen * RATE + 500) // 1000


def yuan(fen: int, places: int = 2) -> str:
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}" + "0" * (places - 2)


def _goods(order: Json, fee_fen: int, amount: str) -> list[str]:
    return [_flat(order["title"]), _flat(order["attach"]), yuan(fee_fen, 5), f"{RATE / 10:.2f}%", amount]


def _totals(paid: list[Json], refunded: list[Json], kind: str) -> list[str]:
    amount, back = sum(order["amount_fen"] for order in paid), sum(refund["amount_fen"] for refund in refunded)
    fees = sum(fee(order["amount_fen"]) for order in paid) - sum(fee(refund["amount_fen"]) for refund in refunded)
    count = str(len(paid) + len(refunded))
    if kind == "SUCCESS":
        return [count, yuan(amount), yuan(fees, 5), yuan(amount)]
    return [count, yuan(amount), yuan(back), "0.00", yuan(fees, 5), yuan(amount), yuan(back)]


def _line(values: Iterable[str]) -> str:
    """A comma inside a value is not quoted."""
    return ",".join(f"`{value}" for value in values)


def _flat(text: str) -> str:
    return " ".join(text.splitlines())


def _time(seconds: float) -> str:
    return f"{beijing(seconds):%Y-%m-%d %H:%M:%S}"
