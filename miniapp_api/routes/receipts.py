"""The receipt of a paid order as a PDF, and the online check of the code printed on it."""

from typing import Any

from kit.clock import at_edge_or_none, now
from kit.errors import Conflict
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.receipt_check_page import HEADERS, page
from miniapp_api.routes.bills import own
from miniapp_api.shapes_pay import ReceiptCheck
from payments import receipt_token
from payments.order_store import e_bill_of
from payments.receipt_aside import draw_aside
from payments.receipt_facts import Check, ReceiptFacts
from payments.states import OrderState
from residents.real_name import masked_name

routes = Routes()

_TEXTS = {
    None: "凭证真实有效",
    "forged": "凭证不真实：核验码不是本平台出具的，请勿接受",
    "expired": "核验码已过有效期，请让缴款人重新下载凭证",
    "unknown": "没有找到这笔缴费，请勿接受此凭证",
    "refunded": "这笔缴费已全额退款，凭证不再有效",
}


@routes.add("GET", "/v1/orders/<order_no:str>/receipt", who="resident", summary="下载缴费凭证（PDF）", media={"application/pdf": bytes})
async def receipt(call: Call, order_no: str) -> Raw:
    order = await own(call, order_no)
    if not _stands(order):
        raise Conflict("not_paid", "这笔订单还没有支付，没有缴费凭证" if order.get("paid_at") is None else "这笔款项正在原路退回，没有缴费凭证")
    person = await call.deps.residents.person(order["person_id"])
    issued = now()
    token = receipt_token.sign(call.deps.keys, order_no, issued)
    check = Check(f"{call.deps.settings.public_url}/v1/receipts/{token}", receipt_token.valid_until(issued))
    pdf = await draw_aside(_facts(order, masked_name(person.name) if person else ""), check)
    return Raw(
        pdf, "application/pdf", headers={"Content-Disposition": f'attachment; filename="{order_no}.pdf"', "Cache-Control": "private, no-store"}
    )


@routes.add("GET", "/v1/receipts/<token:str>", who="anyone", summary="核验缴费凭证", reply=ReceiptCheck)
async def check(call: Call, token: str) -> ReceiptCheck | Raw:
    """JSON for programs; a page for whoever scans the code with a camera."""
    found = await _checked(call, token)
    if "text/html" in call.request.headers.get("accept", ""):
        return Raw(page(found), "text/html; charset=utf-8", headers=HEADERS)
    return found


async def _checked(call: Call, token: str) -> ReceiptCheck:
    verdict = receipt_token.read(call.deps.keys, token, now())
    order = await call.deps.paying.orders.order(verdict.order_no) if verdict.order_no else None
    found = receipt_token.checked(verdict, _facts(order, "") if order is not None and _stands(order) else None)
    return ReceiptCheck(
        valid=found.valid,
        text=_TEXTS[found.reason],
        title=found.title,
        payee=found.payee,
        amount_fen=found.amount_fen,
        refunded_fen=found.refunded_fen,
        paid_at=at_edge_or_none(found.paid_at),
        e_bill_no=found.e_bill.number if found.e_bill else None,
    )


def _stands(order: dict[str, Any]) -> bool:
    """Money came, and it is not on its way back because the core does not take it."""
    return order.get("paid_at") is not None and order["state"] != OrderState.RETURNING


def _facts(order: dict[str, Any], payer: str) -> ReceiptFacts:
    return ReceiptFacts(
        order_no=order["_id"],
        title=order["title"],
        item_name=order["item_name"],
        payee=order["payee"],
        amount_fen=order["amount_fen"],
        refunded_fen=order["refunded_fen"],
        channel=order["channel"],
        transaction_id_tail=str(order["transaction_id"])[-8:],
        paid_at=order["paid_at"],
        settled_at=order.get("settled_at"),
        e_bill=e_bill_of(order),
        payer_name_masked=payer,
        case_no=order["case_no"],
    )
