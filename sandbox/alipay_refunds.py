"""Alipay's refunds: part or all of a paid trade back, once for each number of the merchant's."""

import re
from typing import Any

from sandbox.alipay_gate import Call, Fault, failed
from sandbox.alipay_notices import Notices
from sandbox.alipay_trade import Trades
from sandbox.alipay_values import beijing, fen, yuan
from sandbox.book import Book, Json
from sandbox.clock import WorldClock
from sandbox.faults import Faults

_NUMBER = re.compile(r"[0-9A-Za-z_-]{1,64}")


class Refunds:
    def __init__(self, book: Book, trades: Trades, notices: Notices, parts: tuple[WorldClock, Faults]) -> None:
        self._book = book
        self._trades = trades
        self._notices = notices
        self._clock, self._faults = parts

    def refund(self, call: Call) -> dict[str, Any]:
        """alipay.trade.refund. `refund_fee` is all that was given back until now; only fund_change "Y" says that this call moved money."""
        asked = call.biz()
        trade = self._trades.asked(asked)
        amount, number = fen(asked.get("refund_amount")), str(asked.get("out_request_no") or "")
        if amount is None or amount < 1:
            raise failed("ACQ.INVALID_PARAMETER", "refund_amount应为大于0、最多两位小数的金额")
        if number and not _NUMBER.fullmatch(number):
            raise failed("ACQ.INVALID_PARAMETER", "out_request_no应为1到64位字母、数字、下划线或横线")
        if not number:  # without one it can only be the whole, under the trade's own number
            if amount != trade["content"]["amount_fen"]:
                raise failed("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额与订单金额不一致，部分退款须传out_request_no")
            number = trade["order_no"]
        known = _known(trade, number)
        if known is None:
            trade, known = self._done(trade, {**_about(asked, call), "refund_no": number, "amount_fen": amount, "at": self._clock.seconds()})
            changed = True
        elif known["amount_fen"] != amount:
            raise failed("ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求")
        else:
            changed = False
        if self._faults.now["alipay"]["refund_unknown"]:
            raise Fault("20000", "Service Currently Unavailable", "isp.unknow-error", "系统繁忙")
        told = {"code": "10000", "msg": "Success", "buyer_logon_id": self._trades.logon(trade), **self._trades.buyer(trade)}
        told |= {"fund_change": "Y" if changed else "N", "gmt_refund_pay": beijing(known["at"]), "out_trade_no": trade["order_no"]}
        told |= {"refund_fee": yuan(trade["refunded_fen"]), "trade_no": trade["trade_no"]}
        return told | ({"send_back_fee": yuan(amount)} if changed else {})

    def query(self, call: Call) -> dict[str, Any]:
        """alipay.trade.fastpay.refund.query: 10000 and nothing else where there is no such refund."""
        asked = call.biz()
        trade = self._trades.asked(asked)
        if not asked.get("out_request_no"):
            raise failed("ACQ.INVALID_PARAMETER", "缺少out_request_no")
        known = _known(trade, str(asked["out_request_no"]))
        told = {"code": "10000", "msg": "Success"}
        if known is None:
            return told
        told |= {"out_request_no": known["refund_no"], "out_trade_no": trade["order_no"], "trade_no": trade["trade_no"]}
        told |= {"refund_amount": yuan(known["amount_fen"]), "total_amount": yuan(trade["content"]["amount_fen"]), "refund_status": "REFUND_SUCCESS"}
        told |= {"send_back_fee": yuan(known["amount_fen"]), "refund_reason": known["reason"]}
        options = asked.get("query_options")
        return told | ({"gmt_refund_pay": beijing(known["at"])} if isinstance(options, list) and "gmt_refund_pay" in options else {})

    def _done(self, trade: Json, refund: Json) -> tuple[Json, Json]:
        """The money is back; raises Fault when it cannot be."""
        if trade["state"] == "TRADE_FINISHED":
            raise failed("ACQ.TRADE_HAS_FINISHED", "交易已完结，不能退款")
        if trade["state"] != "TRADE_SUCCESS":
            raise failed("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        left = trade["content"]["amount_fen"] - trade["refunded_fen"]
        if refund["amount_fen"] > left:
            raise failed("ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额超过可退金额")
        whole = refund["amount_fen"] == left
        trade = {**trade, "refunds": [*trade["refunds"], refund], "refunded_fen": trade["refunded_fen"] + refund["amount_fen"]}
        if whole:
            trade |= {"state": "TRADE_CLOSED", "closed_at": refund["at"]}
        with self._book.together():
            self._trades.keep(trade)
            self._trades.write("pay.refunded", trade, refund_no=refund["refund_no"], amount_fen=refund["amount_fen"])
            notice = self._notices.add(self._trades.news(trade, about_refund=refund))
        self._notices.send(notice)
        return trade, refund


def _known(trade: Json, number: str) -> Json | None:
    return next((one for one in trade["refunds"] if one["refund_no"] == number), None)


def _about(asked: dict[str, Any], call: Call) -> Json:
    return {"reason": str(asked.get("refund_reason") or ""), "notify_url": call.given.get("notify_url", "")}
