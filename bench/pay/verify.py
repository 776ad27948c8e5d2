"""What verifying one of Alipay's notices costs: python-alipay-sdk's own verify beside ours, the same form, taking turns. Two seconds.

Both get the form parsed and have parsed their keys: what is compared is what each does for every notice. CPU, so that a busy machine
changes little. `python -m bench.pay.verify`
"""

import asyncio
import time
from typing import Any
from urllib.parse import parse_qsl

from bench.figures import median, progress, report
from kit.alipay import Alipay
from kit.http import Http
from tests.payments.alipay_merchant import BUYER, PAID, form, make_account, sdk, signed

ROUNDS, EACH, AIM = 41, 50, 10.0
# What a payment's notice carries besides the fields of the documents' sample.
MORE = {
    "auth_app_id": PAID["app_id"],
    "buyer_logon_id": "159****5620",
    "buyer_pay_amount": "2.00",
    "fund_bill_list": '[{"amount":"2.00","fundChannel":"ALIPAYACCOUNT"}]',
    "invoice_amount": "2.00",
    "point_amount": "0.00",
    "receipt_amount": "2.00",
    "buyer_id": BUYER,
}


def measure() -> None:
    params = dict(parse_qsl(form(signed({**PAID, **MORE})).decode(), keep_blank_values=True))
    tampered = {**params, "total_amount": "0.01"}
    ours, library = _ours(), sdk()
    for given, right in ((params, True), (tampered, False)):
        if ours.verify_notice(given) is not right or _library(library, given) is not right:
            raise SystemExit("pay_verify: one of the two does not verify, so there is nothing to compare")
    progress(f"验签 {len(params)} 个参数的通知，{ROUNDS} 轮各 {EACH} 次…")
    gains, spent_library, spent_ours = list[float](), list[float](), list[float]()
    for _ in range(ROUNDS):
        copies = [dict(params) for _ in range(EACH)]  # the library takes sign_type out of what it is given
        started = time.process_time()
        for one in copies:
            library.verify(one, one.pop("sign"))
        between = time.process_time()
        for _ in range(EACH):
            ours.verify_notice(params)
        spent_library.append(between - started)
        spent_ours.append(time.process_time() - between)
        gains.append(spent_library[-1] / spent_ours[-1])
    progress(f"  python-alipay-sdk {median(spent_library) / EACH * 1e6:.0f} µs，本项目 {median(spent_ours) / EACH * 1e6:.0f} µs")
    report("pay_verify_cpu_gain", median(gains), "x", "higher", AIM, "python-alipay-sdk's verify of the same notice", ROUNDS * EACH)


def _ours() -> Alipay:
    async def made() -> Alipay:
        http = Http([])
        await http.close()  # nothing is sent here
        return Alipay(http, make_account("http://127.0.0.1:1/gateway.do"))

    return asyncio.run(made())


def _library(library: Any, params: dict[str, str]) -> bool:
    given = dict(params)
    return bool(library.verify(given, given.pop("sign")))


if __name__ == "__main__":
    measure()
