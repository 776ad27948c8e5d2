"""Shapes of the personal page and the enterprise page."""

from typing import Generic, Literal, TypeVar

from pydantic import Field

from miniapp_api.shapes import Told

T = TypeVar("T")


class Part(Told, Generic[T]):
    """One part of the page. What is not known now is `unavailable`, never an empty list that looks like "nothing"."""

    items: list[T]
    total: int = Field(description="一共多少，items 只列前面的")
    more: str | None = Field(description="看全部的接口")
    unavailable: str | None = Field(default=None, description="现在查不到的原因；其余部分照常显示")
    withheld: str | None = Field(default=None, description="为什么不给看：授权不包括、法人没有这一项、还没有实名")


class DatedPart(Part[T], Generic[T]):
    as_of: str | None = Field(default=None, description="政务平台没有回应时，显示的是这个时间的内容")


class ToDo(Told):
    kind: Literal["correction", "bill", "appointment", "parcel", "rating", "complaint"]
    text: str
    due_at: str | None = Field(description="最晚什么时候；null：没有期限")
    path: str = Field(description="相关内容的接口")


class HomeCase(Told):
    case_no: str | None
    receipt_no: str
    item_name: str
    state: str
    state_text: str
    next_step: str
    submitted_at: str


class HomeLicence(Told):
    id: str
    type: str
    name: str
    expires_at: str | None
    days_left: int | None = Field(description="还有几天到期；null：长期有效")
    expiring: bool = Field(description="九十天内到期")


class HomeBill(Told):
    bill_id: str
    title: str
    amount_fen: int
    state_text: str
    expires_at: str | None


class HomeAppointment(Told):
    id: str
    item_name: str
    hall: str
    starts_at: str
    number: str | None
    state: str


class HomeParcel(Told):
    id: str
    case_no: str
    direction_text: str
    state: str
    state_text: str


class HomeComplaint(Told):
    id: str
    title: str
    state: str
    state_text: str
    due_at: str | None


class HomeMaterial(Told):
    kind: Literal["file", "licence"]
    id: str
    name: str
    at: str
    used: bool = Field(description="已经用在申请里；没有用过的七天后自动删除")


class HomeRecommendation(Told):
    rule: str
    name: str
    package: str | None
    item_code: str | None
    because: str
    dismiss: str = Field(description="DELETE 它，就不再推荐这一条")


class Recommended(Part[HomeRecommendation]):
    off: bool = Field(description="居民关闭了全部推荐")


class HomeAccess(Told):
    at: str
    by: str
    what: str
    reason: str


class Missing(Told):
    what: Literal["real_name"]
    text: str
    path: str


class Home(Told):
    page: Literal["person", "enterprise"]
    acting_as: Literal["self", "enterprise", "guardian", "agent"] | None
    missing: list[Missing] = Field(description="还差什么，页面才完整")
    to_do: Part[ToDo]
    cases: Part[HomeCase]
    licences: Part[HomeLicence]
    bills: DatedPart[HomeBill]
    appointments: Part[HomeAppointment]
    parcels: Part[HomeParcel]
    complaints: Part[HomeComplaint]
    unread: int | None = Field(description="未读消息；null：现在查不到")
    materials: Part[HomeMaterial]
    recommended: Recommended
    accesses: Part[HomeAccess]
