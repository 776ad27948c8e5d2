"""Shapes of appointments: free times by day, what a resident books and sees, what the window works with."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from miniapp_api.shapes import Asked, Line, Told

Own = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_.:|*-]+$")]
ItemCode = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_.:-]+$")]
_DAY = re.compile(r"20\d{2}-\d{2}-\d{2}", re.ASCII)
MOST_DAYS = 31


def _a_day(text: str) -> str:
    try:
        if _DAY.fullmatch(text):
            date.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise ValueError("日期请写成 2026-12-01 这样")


Day = Annotated[str, Field(max_length=10), AfterValidator(_a_day)]


def _span(first: str | None, last: str | None) -> None:
    if first is None or last is None:
        return
    days = (date.fromisoformat(last) - date.fromisoformat(first)).days
    if days < 0:
        raise ValueError("to 不能早于 from")
    if days >= MOST_DAYS:
        raise ValueError(f"一次最多 {MOST_DAYS} 天")


class SlotsQuery(Asked):
    first: Day | None = Field(default=None, alias="from", description="从哪一天，不填为今天")
    last: Day | None = Field(default=None, alias="to", description="到哪一天，含当天；不填为两周")
    hall: Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Za-z_.:|*-]*$", description="只看一个大厅")] = ""

    @model_validator(mode="after")
    def _ordered(self) -> "SlotsQuery":
        _span(self.first, self.last)
        return self


class HallEntry(Told):
    hall_id: str
    name: str
    address: str


class SlotEntry(Told):
    id: str
    hall: HallEntry
    starts_at: str
    ends_at: str
    left: int = Field(description="还剩几个；0 可以排候补")
    can_book: bool


class SlotDay(Told):
    date: str
    working_day: bool | None = Field(description="是否工作日；国家还没有公布安排的年份为 null")
    holiday: str | None = Field(description="节假日或调休的名称")
    slots: list[SlotEntry]


class SlotDays(Told):
    item_code: str
    item_name: str
    days: list[SlotDay]
    stale: bool = Field(description="大厅系统暂时没有答复，这是上次看到的，余量以预约时为准")
    as_of: str
    note: str


class NewAppointment(Asked):
    slot_id: Own
    item_code: ItemCode
    case_no: Annotated[Line, Field(min_length=1, max_length=50, description="为哪件办件而来，可不填")] | None = None


class OtherSlot(Asked):
    slot_id: Own


class AppointmentEntry(Told):
    id: str
    item_code: str
    item_name: str
    case_no: str | None
    state: str
    state_text: str
    number: str | None = Field(description="大厅叫号用；确认以后才有")
    hall: HallEntry
    starts_at: str
    ends_at: str
    cancel_until: str
    can_cancel: bool
    can_reschedule: bool
    code: str | None = Field(description="二维码的内容，到大厅出示；不含个人信息")
    replaces: str | None = Field(description="改期前的预约")
    moved_to: str | None = Field(description="改期后的预约")
    note: str = Field(description="大厅的说明")
    created_at: str
    http_status: int | None = Field(default=None, exclude=True)


class AppointmentsQuery(Asked):
    cursor: Annotated[str, Field(pattern=r"^([0-9]{1,14}\.[0-9A-Za-z_.:-]{1,64})?$")] = ""
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class AppointmentList(Told):
    items: list[AppointmentEntry]
    next_cursor: str | None


class QrQuery(Asked):
    form: Literal["png", "svg"] = "png"


class NewWait(Asked):
    item_code: ItemCode
    hall_id: Own | None = None
    first: Day = Field(alias="from")
    last: Day = Field(alias="to")

    @model_validator(mode="after")
    def _ordered(self) -> "NewWait":
        _span(self.first, self.last)
        return self


class OfferEntry(Told):
    slot_id: str
    hall: HallEntry
    starts_at: str
    ends_at: str
    until: str = Field(description="在此以前确认，过时让给下一位")


class WaitEntry(Told):
    id: str
    item_code: str
    item_name: str
    hall_id: str | None
    first: str
    last: str
    state: Literal["waiting", "offered", "booked", "lapsed", "left", "over"]
    state_text: str
    before: int | None = Field(description="前面还有几位")
    offer: OfferEntry | None
    created_at: str


class WaitList(Told):
    items: list[WaitEntry]


class CheckIn(Asked):
    code: Annotated[Line, Field(min_length=1, max_length=200, description="二维码的内容")]
    hall_id: Own | None = Field(default=None, description="在哪个大厅扫的；给了就核对")


class CheckedIn(Told):
    id: str
    again: bool = Field(description="以前签到过：不要重复取号")
    text: str
    number: str | None
    item_name: str
    case_no: str | None
    visitor: str | None = Field(description="脱敏姓名")
    hall: HallEntry
    starts_at: str
    arrived_at: str | None


class StaffAppointmentsQuery(Asked):
    date: Day | None = Field(default=None, description="哪一天，不填为今天")
    hall: Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Za-z_.:|*-]*$")] = ""
    cursor: Annotated[str, Field(pattern=r"^([0-9]{1,14}\.[0-9A-Za-z_.:-]{1,64})?$")] = ""
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class StaffAppointment(Told):
    """What the window sees: no phone, no id number."""

    id: str
    number: str | None
    visitor: str | None = Field(description="脱敏姓名")
    item_code: str
    item_name: str
    case_no: str | None
    state: str
    state_text: str
    hall: HallEntry
    starts_at: str
    ends_at: str
    arrived_at: str | None
    excused: bool
    remark: str = Field(description="要窗口核对的事；没有则为空")


class StaffAppointments(Told):
    items: list[StaffAppointment]
    next_cursor: str | None


class Excuse(Asked):
    reason: Annotated[Line, Field(min_length=2, max_length=200, description="为什么谅解；不要写姓名、号码和病情")]
