"""Alipay's statements: what was paid and refunded on a day or in a month, as a zip of GBK tables behind an address that dies soon."""

import io
import re
import secrets
import zipfile
from typing import Any
from urllib.parse import urlencode

from sanic import HTTPResponse, Request

from sandbox.alipay_gate import Call, failed
from sandbox.alipay_trade import Trades
from sandbox.alipay_values import beijing, from_beijing, yuan
from sandbox.book import Book, Json
from sandbox.clock import WorldClock

URL_LIFE = 30  # seconds
RATE = 6  # fen of every 10 yuan: 0.6 %
PATH = "/downloadBillFile.resource"
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")
# fmt: off
_COLUMNS = (
    "支付宝交易号", "商户订单号", "业务类型", "商品名称", "创建时间", "完成时间", "门店编号", "门店名称", "操作员", "终端号", "对方账户",
    "订单金额（元）", "商家实收（元）", "支付宝红包（元）", "集分宝（元）", "支付宝优惠（元）", "商家优惠（元）", "券核销金额（元）", "券名称",
    "商家红包消费金额（元）", "卡消费金额（元）", "退款批次号/请求号", "服务费（元）", "分润（元）", "备注",
)
_SUMS = (
    "门店编号", "门店名称", "交易订单总笔数", "退款订单总笔数", "订单金额（元）", "商家实收（元）", "支付宝优惠（元）", "商家优惠（元）", "卡消费金额（元）",
    "服务费（元）", "分润（元）", "实收净额（元）",
)
# fmt: on


class Statements:
    def __init__(self, book: Book, trades: Trades, seller: str, clock: WorldClock) -> None:
        self._book = book
        self._trades = trades
        self._seller = seller
        self._clock = clock

    def address(self, call: Call) -> dict[str, Any]:
        """alipay.data.dataservice.bill.downloadurl.query {bill_type: trade, bill_date: a day or month that is over}; raises Fault."""
        asked = call.biz()
        kind, date = asked.get("bill_type"), str(asked.get("bill_date") or "")
        if kind not in ("trade", "signcustomer") or not _DATE.fullmatch(date) or from_beijing(f"{date[:7]}{date[7:] or '-01'} 00:00") is None:
            raise failed("INVAILID_ARGUMENTS", "入参不合法")  # sic
        if kind != "trade" or date >= beijing(self._clock.seconds())[: len(date)] or not self._lines(date):
            raise failed("isp.bill_not_exist", "账单不存在")
        token = secrets.token_hex(16)
        self._book.put("alipay_bill", token, {"date": date, "made": self._clock.seconds()})
        query = {"bizType": "trade", "fileType": "csv.zip", "bizDates": date.replace("-", ""), "userId": self._seller, "token": token}
        return {"code": "10000", "msg": "Success", "bill_download_url": f"{call.world}{PATH}?{urlencode(query)}"}

    async def download(self, request: Request) -> HTTPResponse:
        """The zip, as often as asked while its address lives. Nothing here is signed."""
        found = self._book.get("alipay_bill", request.args.get("token", ""))
        if found is None or self._clock.seconds() - found["made"] > URL_LIFE:
            return HTTPResponse("<html><body>下载链接已失效</body></html>", 403, content_type="text/html;charset=utf-8")
        name = f"{self._seller}_{found['date'].replace('-', '')}.csv.zip"
        headers = {"Content-Disposition": f"attachment; filename={name}"}
        return HTTPResponse(body=self._zip(found["date"]), headers=headers, content_type="application/octet-stream")

    def _lines(self, date: str) -> list[Json]:
        """Payments and refunds of the day or month `date` begins with, in the order of time; refunds are negative and give the fee back."""
        found = []
        for trade in self._trades.every():
            paid = {"trade": trade, "at": trade["paid_at"], "fen": trade["content"]["amount_fen"], "refund_no": ""}
            backs = [{"trade": trade, "at": one["at"], "fen": -one["amount_fen"], "refund_no": one["refund_no"]} for one in trade["refunds"]]
            found += [one for one in ([paid] if trade["paid_at"] is not None else []) + backs if beijing(one["at"]).startswith(date)]
        return sorted(found, key=lambda one: float(one["at"]))

    def _zip(self, date: str) -> bytes:
        lines = self._lines(date)
        stem, whole = f"{self._seller}_{date.replace('-', '')}", io.BytesIO()
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, rows in (("业务明细", self._details(date, lines)), ("业务明细(汇总)", self._sums(date, lines))):
                packed.writestr(_Named(f"{stem}_{name}.csv"), "".join(f"{row}\r\n" for row in rows).encode("gbk", "replace"), zipfile.ZIP_DEFLATED)
        return whole.getvalue()

    def _head(self, date: str, title: str) -> list[str]:
        """The first lines of both tables; a period ends where the next begins."""
        day = date if len(date) == 10 else f"{date}-01"
        begins = from_beijing(f"{day} 00:00") or 0
        after = beijing(begins + (1 if len(date) == 10 else 31) * 86400)
        ends = after if len(date) == 10 else f"{after[:7]}-01 00:00:00"
        span = "   ".join(f"{name}：[{_chinese(at)}]" for name, at in (("起始日期", f"{day} 00:00:00"), ("终止日期", ends)))
        return [f"#支付宝{title}查询", f"#账号：[{self._seller}0156]", f"#{span}"]

    def _details(self, date: str, lines: list[Json]) -> list[str]:
        paid, backs = ([one for one in lines if bool(one["refund_no"]) is refunded] for refunded in (False, True))
        return [
            *self._head(date, "业务明细"),
            f"#{'-' * 41}业务明细列表{'-' * 40}",
            ",".join(_COLUMNS),
            *(_detail(one) for one in lines),
            f"#{'-' * 41}业务明细列表结束{'-' * 36}",
            f"#交易合计：{len(paid)}笔，商家实收共{_sum(paid)}元，商家优惠共0.00元",
            f"#退款合计：{len(backs)}笔，商家实收退款共{_sum(backs)}元，商家优惠退款共0.00元",
            f"#导出时间：[{_chinese(beijing(self._clock.seconds()))}]",
        ]

    def _sums(self, date: str, lines: list[Json]) -> list[str]:
        paid, backs = ([one for one in lines if bool(one["refund_no"]) is refunded] for refunded in (False, True))
        fee = sum(_fee(one["fen"]) for one in lines)
        values = ["合计", "", str(len(paid)), str(len(backs)), _sum(lines), _sum(lines), "0.00", "0.00", "0.00", yuan(fee), "0.00"]
        return [
            *self._head(date, "业务汇总"),
            f"#{'-' * 41}业务汇总列表{'-' * 40}",
            ",".join(_SUMS),
            ",".join(f"{value}\t" for value in [*values, yuan(sum(one["fen"] for one in lines) + fee)]),
            f"#{'-' * 40}业务汇总列表结束{'-' * 37}",
            f"#导出时间：[{_chinese(beijing(self._clock.seconds()))}]",
        ]


def _detail(line: Json) -> str:
    trade, money, none = line["trade"], yuan(line["fen"]), "0.00"
    kind = "退款" if line["refund_no"] else "交易"
    title = trade["content"]["subject"].replace(",", "，").replace("\n", " ")  # no field is quoted
    times = [beijing(trade["made"]), beijing(line["at"])]
    values = [trade["trade_no"], trade["order_no"], kind, title, *times, "", "", "", "", trade["content"]["user_id"]]
    values += [money, money, none, none, none, none, none, "", none, none, line["refund_no"], yuan(_fee(line["fen"])), none, ""]
    return ",".join(f"{value}\t" for value in values)


def _fee(fen: int) -> int:
    """What Alipay keeps, negative; what it gives back with a refund, positive. Half a fen counts as one."""
    kept = (abs(fen) * RATE + 500) // 1000
    return -kept if fen > 0 else kept


def _sum(lines: list[Json]) -> str:
    return yuan(sum(one["fen"] for one in lines))


def _chinese(at: str) -> str:
    return f"{at[:4]}年{at[5:7]}月{at[8:10]}日 {at[11:]}"


class _Named(zipfile.ZipInfo):
    """Alipay writes the names inside in GBK and does not say so; Python would say UTF-8."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gbk"), self.flag_bits & ~0x800
