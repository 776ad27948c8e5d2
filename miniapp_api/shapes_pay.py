"""Shapes of bills, orders, refunds and receipts. Amounts are int fen; every order and refund tells its state in words too."""

from typing import Annotated, Literal

from pydantic import Field

from miniapp_api.shapes import Asked, Line, Told


class BillEntry(Told):
    bill_id: str
    title: str
    item_name: str
    payee: str
    case_no: str | None
    amount_fen: int
    state: Literal["unpaid", "paid", "cancelled", "confirming"]
    state_text: str
    order_no: str | None = Field(description="这张缴费单现在的支付订单")
    issued_at: str
    expires_at: str | None


class BillEntries(Told):
    items: list[BillEntry]
    as_of: str | None = Field(description="核心平台没有回应时，所列为这个时刻的内容；否则为空")


class NewOrder(Asked):
    channel: Literal["wechat", "alipay"]


class OrderPlaced(Told):
    order_no: str
    bill_id: str
    channel: str
    amount_fen: int
    expires_at: str
    pay_params: dict[str, str] = Field(description="微信：原样交给 wx.requestPayment；支付宝：tradeNO 交给 my.tradePay")


class RefundEntry(Told):
    refund_no: str
    amount_fen: int
    state: str
    state_text: str
    requested_at: str
    refunded_at: str | None


class OrderState(Told):
    order_no: str
    bill_id: str
    title: str
    payee: str
    channel: str
    amount_fen: int
    state: str
    state_text: str
    confirming: bool = Field(description="支付平台没有回应，结果还不知道：请勿重复支付")
    paid_at: str | None
    settled_at: str | None
    refunded_fen: int
    refunds: list[RefundEntry]
    e_bill_no: str | None = Field(description="电子票据号码")
    receipt: bool = Field(description="可以下载缴费凭证")


class RefundWish(Asked):
    amount_fen: Annotated[int, Field(ge=1, le=10_000_000_000, strict=True)] | None = Field(default=None, description="不填为剩余全部")
    reason: Annotated[Line, Field(min_length=1, max_length=200)]


class StaffRefundWish(Asked):
    amount_fen: Annotated[int, Field(ge=1, le=10_000_000_000, strict=True)]
    reason: Annotated[Line, Field(min_length=1, max_length=200)]


class Reason(Asked):
    reason: Annotated[Line, Field(min_length=1, max_length=500)]


class StaffList(Asked):
    state: Annotated[str, Field(max_length=20, pattern=r"^[a-z_]*$")] = ""
    cursor: Annotated[str, Field(pattern=r"^([0-9]{1,14}\.[0-9A-Z]{1,40})?$")] = ""
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class StaffOrder(Told):
    """What staff see of an order: never who paid by which account."""

    order_no: str
    bill_id: str
    case_no: str | None
    title: str
    payee: str
    channel: str
    gateway: str
    amount_fen: int
    state: str
    state_text: str
    transaction_id: str | None
    created_at: str
    paid_at: str | None
    settled_at: str | None
    refunded_fen: int
    reserved_fen: int
    found_by: str | None


class StaffOrders(Told):
    items: list[StaffOrder]
    next_cursor: str | None


class StaffRefund(RefundEntry):
    order_no: str
    payee: str
    reason: str
    requested_by: str
    approved_by: str | None
    failed_because: str | None


class StaffRefunds(Told):
    items: list[StaffRefund]
    next_cursor: str | None


class ReceiptCheck(Told):
    """What a scanned receipt proves; no personal data."""

    valid: bool
    text: str
    title: str | None = None
    payee: str | None = None
    amount_fen: int | None = None
    refunded_fen: int | None = None
    paid_at: str | None = None
    e_bill_no: str | None = None
