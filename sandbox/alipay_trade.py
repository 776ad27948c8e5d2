"""Alipay's trades: what a merchant orders, a person pays and a clock closes. The person's part comes from the world's controls."""

import re
import secrets
import time
from typing import Any

from sandbox.alipay_gate import Call, Fault, failed
from sandbox.alipay_notices import News, Notices
from sandbox.alipay_values import beijing, fen, from_beijing, yuan
from sandbox.book import Book, Json
from sandbox.clock import WorldClock
from sandbox.people import by_account

LONGEST = 15 * 86400  # seconds an unpaid trade may wait, and does when the merchant names no end
REFUND_WINDOW = 90 * 86400  # seconds; afterwards a paid trade is TRADE_FINISHED
MOST = 100_000_000_00  # fen
_NUMBER = re.compile(r"[0-9A-Za-z_]{1,64}")
_EXPRESS = re.compile(r"([1-9][0-9]{0,4})([mhd])|1c")
_UNITS = {"m": 60, "h": 3600, "d": 86400}


class Trades:
    """One seller's trades, by the merchant's own number."""

    def __init__(self, book: Book, account: dict[str, Any], clock: WorldClock, notices: Notices) -> None:
        self._book = book
        self._app_id, self._seller = account["app_id"], account["seller_id"]
        self._clock = clock
        self._notices = notices

    # what the merchant does

    def create(self, call: Call) -> dict[str, Any]:
        """alipay.trade.create with JSAPI_PAY. The same number with the same content is the same trade; raises Fault."""
        asked = call.biz()
        content = self._content(asked)
        number, url = str(asked["out_trade_no"]), call.given.get("notify_url", "")
        if url and not url.startswith(("http://", "https://")):
            raise _invalid("notify_url应为完整的网址")
        known = self.find(number)
        if known is not None:
            self._refuse_if_other(known, content)
        else:
            ends = self._ends(asked)
            known = {
                **{"order_no": number, "trade_no": self._trade_number(), "content": content, "notify_url": url, "state": "WAIT_BUYER_PAY"},
                **{"made": self._clock.seconds(), "expires": ends, "paid_at": None, "closed_at": None, "refunds": [], "refunded_fen": 0},
            }
            with self._book.together():
                self.keep(known)
                self._book.put("alipay_trade_no", known["trade_no"], {"order_no": number})
                self.write("pay.prepaid", known)
        return {"code": "10000", "msg": "Success", "out_trade_no": number, "trade_no": known["trade_no"]}

    def query(self, call: Call) -> dict[str, Any]:
        """alipay.trade.query"""
        trade = self.asked(call.biz())
        paid = trade["content"]["amount_fen"] if trade["paid_at"] is not None else 0
        told = {
            **{"code": "10000", "msg": "Success", "buyer_logon_id": self.logon(trade), "buyer_pay_amount": yuan(paid), **self.buyer(trade)},
            **{"invoice_amount": yuan(paid), "out_trade_no": trade["order_no"], "point_amount": "0.00", "receipt_amount": yuan(paid)},
            **{"total_amount": yuan(trade["content"]["amount_fen"]), "trade_no": trade["trade_no"], "trade_status": trade["state"]},
        }
        if trade["paid_at"] is not None:
            told["send_pay_date"] = beijing(trade["paid_at"])
            told["fund_bill_list"] = [{"amount": yuan(paid), "fund_channel": "ALIPAYACCOUNT"}]
        return told

    def close(self, call: Call) -> dict[str, Any]:
        """alipay.trade.close: only what nobody has paid."""
        trade = self.asked(call.biz())
        if trade["state"] != "WAIT_BUYER_PAY":
            raise failed("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        self._close(trade, self._clock.seconds())
        return {"code": "10000", "msg": "Success", "out_trade_no": trade["order_no"], "trade_no": trade["trade_no"]}

    def asked(self, asked: dict[str, Any]) -> Json:
        """The trade a call is about; Alipay's number counts when both are given. Raises Fault."""
        number, own = asked.get("trade_no"), asked.get("out_trade_no")
        if not number and not own:
            raise _invalid("out_trade_no和trade_no不能同时为空")
        found = self._book.get("alipay_trade_no", str(number)) if number else {"order_no": str(own)}
        trade = None if found is None else self.find(found["order_no"])
        if trade is None:
            raise failed("ACQ.TRADE_NOT_EXIST", "交易不存在")
        return trade

    # what the person does

    def paid(self, trade: Json, *, first_gap: float = 0, silent: bool = False) -> str:
        """Money has moved; the id of the notice to send, "" for none."""
        trade = {**trade, "state": "TRADE_SUCCESS", "paid_at": self._clock.seconds(), "closed_at": None}
        with self._book.together():
            self.keep(trade)
            self.write("pay.paid", trade)
            return "" if silent else self._notices.add(self.news(trade, first_gap=first_gap))

    def news(self, trade: Json, *, about_refund: Json | None = None, amount_fen: int | None = None, first_gap: float = 0) -> News:
        """What the merchant is told of a trade as it is now. `amount_fen`: another amount, for a notice that lies."""
        content, never_paid = trade["content"], trade["state"] == "TRADE_CLOSED" and trade["paid_at"] is None
        amount = yuan(content["amount_fen"] if amount_fen is None else amount_fen)
        fields = {
            **{"gmt_create": beijing(trade["made"]), "trade_no": trade["trade_no"], "out_trade_no": trade["order_no"], "seller_id": self._seller},
            **{"trade_status": trade["state"], "buyer_id": content["user_id"], "buyer_open_id": content["open_id"]},
            **{"buyer_logon_id": self.logon(trade), "subject": content["subject"], "total_amount": amount},
        }
        if content["body"]:
            fields["body"] = content["body"]
        if not never_paid:
            fields |= {"gmt_payment": beijing(trade["paid_at"] or self._clock.seconds()), "receipt_amount": amount, "invoice_amount": amount}
            fields |= {"buyer_pay_amount": amount, "point_amount": "0.00"}
            fields["fund_bill_list"] = f'[{{"amount":"{amount}","fundChannel":"ALIPAYACCOUNT"}}]'
        if about_refund is not None:  # refund_fee is all that was ever given back, as in the documents
            fields |= {"refund_fee": yuan(trade["refunded_fen"]), "out_biz_no": about_refund["refund_no"]}
            fields |= {"gmt_refund": f"{beijing(about_refund['at'])}.{int(about_refund['at'] * 1000) % 1000:03d}"}
        if trade["closed_at"] is not None:
            fields["gmt_close"] = beijing(trade["closed_at"])
        url = (about_refund or {}).get("notify_url") or trade["notify_url"]
        return News(trade["order_no"], "refund" if about_refund is not None else "closed" if never_paid else "paid", url, fields, first_gap)

    # what everybody sees

    def find(self, order_no: str) -> Json | None:
        trade = self._book.get("alipay_trade", order_no)
        return None if trade is None else self._now(trade)

    def every(self) -> list[Json]:
        return [self._now(trade) for _, trade in self._book.every("alipay_trade")]

    def _now(self, trade: Json) -> Json:
        """As it is now: time-outs take effect when somebody looks."""
        now = self._clock.seconds()
        if trade["state"] == "WAIT_BUYER_PAY" and now >= trade["expires"]:
            return self._close(trade, trade["expires"])
        if trade["state"] == "TRADE_SUCCESS" and now >= trade["paid_at"] + REFUND_WINDOW:
            trade = {**trade, "state": "TRADE_FINISHED"}
            self.keep(trade)
        return trade

    def keep(self, trade: Json) -> None:
        self._book.put("alipay_trade", trade["order_no"], trade)

    def write(self, kind: str, trade: Json, **more: Any) -> None:
        own = {"order_no": trade["order_no"], "transaction_id": trade["trade_no"], "person": trade["content"]["person"]}
        self._book.write("alipay", kind, **{**own, "amount_fen": trade["content"]["amount_fen"], **more})

    def buyer(self, trade: Json) -> dict[str, str]:
        return {"buyer_user_id": trade["content"]["user_id"], "buyer_open_id": trade["content"]["open_id"]}

    def logon(self, trade: Json) -> str:
        phone = str((self._book.get("person", trade["content"]["person"]) or {"phone": "00000000000"})["phone"])
        return f"{phone[:3]}******{phone[-2:]}"

    def _close(self, trade: Json, at: float) -> Json:
        closed = {**trade, "state": "TRADE_CLOSED", "closed_at": at}
        with self._book.together():
            self.keep(closed)
            self.write("pay.closed", closed)
            notice = self._notices.add(self.news(closed))
        self._notices.send(notice)
        return closed

    # how an order is read

    def _content(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What may not change under a number; raises Fault with the first thing that is wrong."""
        amount, subject, body = fen(asked.get("total_amount")), asked.get("subject"), asked.get("body") or ""
        if not _NUMBER.fullmatch(str(asked.get("out_trade_no") or "")):
            raise _invalid("out_trade_no应为1到64位字母、数字或下划线")
        if amount is None or amount < 1:
            raise _invalid("total_amount应为0.01到100000000，最多两位小数")
        if amount > MOST:
            raise failed("ACQ.TOTAL_FEE_EXCEED", "订单总金额超过限额")
        if not isinstance(subject, str) or not 1 <= len(subject) <= 256 or set(subject) & set("/=&"):
            raise _invalid("subject应为1到256个字符，不能有/、=、&")
        if not isinstance(body, str) or len(body) > 128:
            raise _invalid("body不能超过128个字符")
        if asked.get("product_code") != "JSAPI_PAY":
            raise _invalid("product_code应为JSAPI_PAY")
        if asked.get("op_app_id") != self._app_id:
            raise _invalid("op_app_id不是商户自己的小程序")
        account = str(asked.get("buyer_open_id") or asked.get("buyer_id"))
        person = by_account(self._book, account)
        if person is None or account != person["open_id" if asked.get("buyer_open_id") else "user_id"]:
            raise _invalid("买家不存在")
        ids = {name: person[name] for name in ("person", "user_id", "open_id")}
        ends = {name: str(asked[name]) for name in ("time_expire", "timeout_express") if asked.get(name)}
        return {**ids, "amount_fen": amount, "subject": subject, "body": body, "ends": ends}

    def _ends(self, asked: dict[str, Any]) -> float:
        """When an unpaid trade closes, on the world's clock. The merchant lives by the real one: what is left by it is left here."""
        now, express = self._clock.seconds(), str(asked.get("timeout_express") or "")
        if asked.get("time_expire"):
            end = from_beijing(asked["time_expire"])
            if end is None:
                raise _invalid("time_expire应为yyyy-MM-dd HH:mm:ss")
            if end <= time.time():
                raise failed("ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR", "当前时间已超过允许支付的时间")
            return now + min(end - time.time(), LONGEST)
        if not express:
            return now + LONGEST
        found = _EXPRESS.fullmatch(express)
        if found is None:
            raise _invalid("timeout_express应为1m到15d，或1c")
        seconds = int(found[1]) * _UNITS[found[2]] if found[1] else 86400 - (now + 8 * 3600) % 86400
        if seconds > LONGEST:
            raise _invalid("timeout_express最长15d")
        return now + seconds

    def _refuse_if_other(self, known: Json, content: dict[str, Any]) -> None:
        if known["content"]["person"] != content["person"]:
            raise failed("ACQ.TRADE_BUYER_NOT_MATCH", "交易买家不匹配")
        if known["content"] != content:
            raise failed("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")
        if known["paid_at"] is not None:
            raise failed("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
        if known["state"] == "TRADE_CLOSED":
            raise failed("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")

    def _trade_number(self) -> str:
        return f"{beijing(self._clock.seconds())[:10].replace('-', '')}22001{secrets.randbelow(10**15):015d}"


def _invalid(why: str) -> Fault:
    return failed("ACQ.INVALID_PARAMETER", why)
