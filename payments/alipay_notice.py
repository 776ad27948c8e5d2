"""What Alipay posts to our notify_url, from raw bytes to our words (opendocs.alipay.com, 异步通知说明). No I/O.

One notify_url hears of payments, of refunds and of closing. A notice about a refund still says TRADE_SUCCESS and is never a second payment.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from kit.alipay import Alipay, charset_of
from kit.clock import BEIJING
from kit.money import fen
from payments.gateways import Foreign, Forged, Notice, Payment, Unreadable

PAID = ("TRADE_SUCCESS", "TRADE_FINISHED")  # FINISHED: paid and no longer refundable
_NOTHING = ("WAIT_BUYER_PAY", "TRADE_CLOSED")
MOST_BYTES = 64 * 1024
MOST_PARAMETERS = 100


def read_notice(alipay: Alipay, seller_id: str, body: bytes) -> Notice:
    """Raises Forged, Foreign, Unreadable. A notice of another kind than about a trade has nothing for us."""
    params = read_form(body)
    if not alipay.verify_notice(params):
        raise Forged("bad_signature")
    if params.get("app_id") != alipay.app_id:
        raise Foreign("other_app")
    if not (notice_id := params.get("notify_id", "")):
        raise Unreadable("no_notify_id")
    if params.get("notify_type") != "trade_status_sync":
        return Notice("alipay", notice_id)
    if params.get("seller_id") != seller_id:
        raise Foreign("other_seller")
    try:
        return _about_a_trade(notice_id, params)
    except (KeyError, ValueError) as exc:
        raise Unreadable("missing_or_malformed_field") from exc


def read_form(body: bytes) -> dict[str, str]:
    """The parameters, decoded once by the charset the form itself names. Raises Forged: nothing is verified yet.

    A name given twice is refused, for which of the two was signed is a matter of taste.
    """
    if len(body) > MOST_BYTES:
        raise Forged("too_large")
    try:
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1", max_num_fields=MOST_PARAMETERS)
    except ValueError as exc:
        raise Forged("too_many_parameters") from exc
    raw = dict(pairs)  # each character is one byte of what was sent
    charset = charset_of(raw.get("charset") or "utf-8")
    if charset is None:
        raise Forged("unknown_charset")
    try:
        params = {name.encode("latin-1").decode(charset): value.encode("latin-1").decode(charset) for name, value in pairs}
    except UnicodeDecodeError as exc:
        raise Forged("garbled") from exc
    if len(params) != len(pairs):
        raise Forged("duplicate_parameter")
    return params


def when(text: str) -> datetime:
    """Beijing time as Alipay writes it, with or without a fraction -> UTC. Raises ValueError."""
    whole = text[:19] if text[19:20] == "." else text
    return datetime.strptime(whole, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).astimezone(UTC)


def _about_a_trade(notice_id: str, params: Mapping[str, str]) -> Notice:
    """Raises KeyError, ValueError."""
    status, order_no = params["trade_status"], params["out_trade_no"]
    if status not in PAID and status not in _NOTHING:
        raise ValueError("unknown trade status")
    # A refund's notice tells the sum of all refunds of the order, which is no news of any one of them: whoever sent it asks (query_refund).
    # A payment and a closing may carry refund_fee=0.00 as well; Alipay's own sample of a payment does.
    if params.get("gmt_refund") or params.get("out_biz_no") or fen(params.get("refund_fee") or "0"):
        return Notice("alipay", notice_id)
    if status not in PAID:
        return Notice("alipay", notice_id)
    payment = Payment(
        gateway="alipay",
        order_no=order_no,
        transaction_id=params["trade_no"],
        amount_fen=fen(params["total_amount"]),
        currency="CNY",
        payers=tuple(params[name] for name in ("buyer_id", "buyer_open_id") if params.get(name)),
        paid_at=when(params["gmt_payment"]),
    )
    return Notice("alipay", notice_id, payment=payment)
