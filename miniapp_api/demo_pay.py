"""The demo's part about money: paid once by WeChat and once by Alipay, whatever is told and however often; one of them refunded by two people."""

import re
import subprocess
import sys
import urllib.request
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kit.clock import now
from kit.ids import new_token
from kit.money import yuan
from miniapp_api.demo_walk import Walk
from staff.totp import code_at

Json = dict[str, Any]


def by_wechat(walk: Walk, case_no: str) -> str:
    """Forged first, then paid once and told twice."""
    bill = issue(walk, case_no, 2000)
    order_no = place(walk, bill["bill_id"], "wechat")
    walk.world("POST", "/world/wallets/wechat/pay", {"order_no": order_no, "as": "forged"})
    walk.until(lambda: notices(walk, "wechat", order_no), "伪造的通知被退回")
    walk.expect(state(walk, order_no) == "awaiting", "伪造的通知什么也没有改变")
    walk.world("POST", "/world/wallets/wechat/pay", {"order_no": order_no, "as": "twice"})
    order = walk.until(lambda: settled(walk, order_no), "入账")
    walk.until(lambda: len(notices(walk, "wechat", order_no)) == 3, "通知到了三次：一次伪造，两次真的")
    booked(walk, order_no, 2000)
    walk.until(lambda: len(told(walk, order_no)) == 1, "缴费消息恰好一条")
    refused = walk.call("POST", f"/v1/bills/{bill['bill_id']}/orders", {"channel": "wechat"}, status=409, headers=key())
    walk.say(
        f"微信缴费 {yuan(2000)} 元：先来一条伪造的通知，再付款，通知到了两次",
        f"订单 {order_no}：{order['state_text']}，电子票据号码 {order['e_bill_no']}",
        f"收件箱：{told(walk, order_no)[0]['text']}",
        f"核心平台恰好核销一次；再付一次：{refused['title']}",
    )
    receipt(walk, order_no)
    return order_no


def by_alipay(walk: Walk, case_no: str) -> str:
    """Paid, and nobody tells: found by asking."""
    bill = issue(walk, case_no, 990)
    order_no = place(walk, bill["bill_id"], "alipay")
    walk.world("POST", "/world/wallets/alipay/pay", {"order_no": order_no, "as": "never"})
    order = walk.until(lambda: settled(walk, order_no), "入账", 30)
    walk.expect(notices(walk, "alipay", order_no) == [], "支付宝一条通知也没有发")
    booked(walk, order_no, 990)
    walk.say(f"支付宝缴费 {yuan(990)} 元：通知一直没有来，主动查询得知已付", f"订单 {order_no}：{order['state_text']}")
    return order_no


def refund(walk: Walk, order_no: str, amount_fen: int) -> None:
    """One asks, another approves; the money goes back and the core takes its booking back."""
    cashier, approver = staff(walk, "demo.cashier", "cashier"), staff(walk, "demo.approver", "approver")
    asked = cashier("POST", f"/staff/v1/orders/{order_no}/refunds", {"amount_fen": amount_fen, "reason": "多收工本费"}, status=201, headers=key())
    refused = cashier("POST", f"/staff/v1/refunds/{asked['refund_no']}/approve", {}, status=403)
    approver("POST", f"/staff/v1/refunds/{asked['refund_no']}/approve", {})
    order = walk.until(lambda: given_back(walk, order_no, amount_fen), "退款完成", 30)
    walk.until(lambda: core_lines(walk, "reversed", f"S-{order_no}"), "核心平台冲销")
    walk.expect(sum(one["amount_fen"] for one in core_lines(walk, "reversed", f"S-{order_no}")) == amount_fen, "冲销的金额与退款相同")
    walk.say(
        f"退款 {yuan(amount_fen)} 元：出纳提出，复核批准",
        f"出纳自己批准：{refused['title']}",
        f"订单已退 {yuan(order['refunded_fen'])} 元，核心平台已冲销",
    )


def receipt(walk: Walk, order_no: str) -> None:
    request = urllib.request.Request(f"{walk.stack.api}/v1/orders/{order_no}/receipt", headers={"Authorization": f"Bearer {walk.token}"})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310 - loopback
        pdf = reply.read()
    walk.expect(pdf.startswith(b"%PDF-"), "缴费凭证是 PDF")
    checked = walk.call("GET", f"/v1/receipts/{order_no}.1.{'a' * 24}")
    walk.expect(checked["valid"] is False, "编造的核验码通不过")
    walk.say("下载缴费凭证（PDF，带核验码）", f"{len(pdf):,} 字节；编造一个核验码去查：{checked['text']}")


def issue(walk: Walk, case_no: str, amount_fen: int) -> Json:
    bill = walk.world("POST", f"/world/core/cases/{case_no}/bills", {"amount_fen": amount_fen})
    shown = [one for one in walk.call("GET", "/v1/bills")["items"] if one["bill_id"] == bill["bill_id"]]
    walk.expect(len(shown) == 1 and shown[0]["amount_fen"] == amount_fen and shown[0]["state"] == "unpaid", "缴费单在“我的缴费”里")
    return bill


def place(walk: Walk, bill_id: str, channel: str) -> str:
    """The amount is the core's; a client that names one is refused; two taps give one order."""
    walk.call("POST", f"/v1/bills/{bill_id}/orders", {"channel": channel, "amount_fen": 1}, status=422, headers=key())
    once = key()
    placed = walk.call("POST", f"/v1/bills/{bill_id}/orders", {"channel": channel}, status=201, headers=once)
    walk.expect(
        placed == walk.call("POST", f"/v1/bills/{bill_id}/orders", {"channel": channel}, status=201, headers=once), "手滑点两次，还是一笔订单"
    )
    return str(placed["order_no"])


def staff(walk: Walk, username: str, role: str) -> Any:
    """An account as an operator makes it, signed in with both factors and its own password; gives call(method, path, body, …)."""
    command = [sys.executable, "-m", "miniapp_api.cli", "staff", "create", username, "--role", role, "--department", "*", "--region", "*"]
    done = subprocess.run(command, env=walk.stack.env, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    walk.expect(done.returncode == 0, f"建账号 {username}：{done.stderr}")
    address = re.search(r"otpauth://\S+", done.stdout)
    password = re.search(r"一次性口令：(\S+)", done.stdout)
    walk.expect(address is not None and password is not None, "一次性口令和动态口令地址各显示一次")
    secret = parse_qs(urlsplit(address[0]).query)["secret"][0] if address else ""
    given = {"username": username, "password": password[1] if password else "", "totp": code_at(secret, now())}
    token = walk.call("POST", "/staff/v1/login", given)["token"]
    headers = {"Authorization": f"Bearer {token}"}
    walk.call(
        "POST",
        "/staff/v1/me/password",
        {"old_password": given["password"], "new_password": f"Demo-{new_token()[:16]}-9"},
        status=204,
        headers=headers,
    )

    def call(method: str, path: str, body: Any = None, **more: Any) -> Json:
        return walk.call(method, path, body, headers={**headers, **more.pop("headers", {})}, **more)

    return call


def key() -> dict[str, str]:
    return {"Idempotency-Key": new_token()}


def state(walk: Walk, order_no: str) -> str:
    return str(walk.call("GET", f"/v1/orders/{order_no}")["state"])


def settled(walk: Walk, order_no: str) -> Json | None:
    order = walk.call("GET", f"/v1/orders/{order_no}")
    return order if order["state"] == "settled" else None


def given_back(walk: Walk, order_no: str, amount_fen: int) -> Json | None:
    order = walk.call("GET", f"/v1/orders/{order_no}")
    return order if order["refunded_fen"] == amount_fen else None


def notices(walk: Walk, wallet: str, order_no: str) -> list[Json]:
    lines: list[Json] = walk.world("GET", f"/world/ledger/{wallet}")["entries"]
    return [one for one in lines if one["kind"] == "pay.notice" and one["order_no"] == order_no]


def core_lines(walk: Walk, kind: str, settlement_id: str) -> list[Json]:
    lines: list[Json] = walk.world("GET", "/world/ledger/core")["entries"]
    return [one for one in lines if one["kind"] == kind and one["settlement_id"] == settlement_id]


def booked(walk: Walk, order_no: str, amount_fen: int) -> None:
    lines = core_lines(walk, "settled", f"S-{order_no}")
    walk.expect([one["amount_fen"] for one in lines] == [amount_fen], "核心平台恰好核销一次，金额一致")


def told(walk: Walk, order_no: str) -> list[Json]:
    return [one for one in walk.call("GET", "/v1/messages?limit=50")["items"] if order_no in one["text"]]
