"""Shapes of parcels: what a resident asks for and sees, and what the window works with."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from miniapp_api.shapes import Asked, ConsentGiven, Line, Told

Named = Annotated[Line, Field(max_length=40)]
Waybill = Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{6,40}$", description="快递单号")]


class ParcelAddress(Asked):
    """Names as GET /v1/divisions gives them."""

    province: Named
    city: Named
    county: Named
    detail: Annotated[Line, Field(max_length=200, description="街道、门牌号、楼栋和房间")]
    phone: Annotated[Line, Field(max_length=20, description="收寄件人的手机号")]


class Recipient(Asked):
    """The holder, or an agent whom they registered."""

    kind: Literal["holder", "agent"] = "holder"
    grant_id: Annotated[Line, Field(min_length=1, max_length=64)] | None = Field(default=None, description="代办授权的编号")

    @model_validator(mode="after")
    def _one_of_both(self) -> "Recipient":
        if (self.kind == "agent") != (self.grant_id is not None):
            raise ValueError("代办人要给出 grant_id，本人不用")
        return self


class NewParcel(Asked):
    direction: Literal["to_resident", "to_hall"] = Field(description="to_resident：证照寄到家；to_hall：材料寄到窗口")
    method: Literal["courier", "pickup", "own_courier"] = Field(default="courier", description="快递上门；到窗口领取；自己找快递寄（要给运单号）")
    courier: Literal["sf", "ems"] | None = Field(default=None, description="不填由系统选择")
    address: ParcelAddress | None = Field(default=None, description="快递上门时必填：送到哪里，或到哪里取件")
    recipient: Recipient = Recipient()
    materials: Annotated[list[Annotated[Line, Field(min_length=1, max_length=500)]], Field(max_length=50)] = Field(
        default=[], description="to_hall：寄了哪些材料，用事项里的材料名称"
    )
    waybill: Waybill | None = None
    consent: ConsentGiven | None = Field(default=None, description="同意《向快递企业提供个人信息的说明》；没有另外同意过就要给")

    @model_validator(mode="after")
    def _fits(self) -> "NewParcel":
        if self.method == "courier" and self.address is None:
            raise ValueError("请填写 address")
        if self.method == "own_courier" and (self.direction != "to_hall" or self.waybill is None):
            raise ValueError("自行寄送只能寄材料，并要给出 waybill")
        if self.method == "pickup" and self.direction != "to_resident":
            raise ValueError("到窗口领取只适用于证照")
        return self


class AddressChange(Asked):
    address: ParcelAddress


class ScanLine(Told):
    at: str
    kind: str
    text: str
    place: str


class ParcelPlace(Told):
    name: str = Field(description="脱敏")
    phone: str = Field(description="脱敏")
    address: str = Field(description="门牌已隐去")


class ParcelEntry(Told):
    id: str
    case_no: str
    direction: Literal["to_resident", "to_hall"]
    direction_text: str
    method: Literal["courier", "pickup", "own_courier"]
    method_text: str
    courier: str | None
    courier_text: str | None
    payer: Literal["free", "city", "receiver", "prepaid"]
    payer_text: str
    bill_id: str | None = Field(description="先付后寄：到“我的缴费”支付这张缴费单以后才下单")
    state: str
    state_text: str
    problem: str | None
    items: list[str]
    waybill: str | None
    recipient: Literal["holder", "agent"]
    checks_id: bool = Field(description="交付时核验有效身份证件")
    receiver: ParcelPlace | None
    sender: ParcelPlace | None
    scans: list[ScanLine]
    can_change_address: bool
    can_cancel: bool
    revision: int = Field(description="改地址时放在 If-Match 里")
    created_at: str
    finished_at: str | None


class ParcelList(Told):
    items: list[ParcelEntry]


class DivisionQuery(Asked):
    parent: Annotated[str, Field(pattern=r"^([0-9]{6})?$", description="上级的编码；不填为各省")] = ""


class DivisionEntry(Told):
    code: str
    name: str


class DivisionList(Told):
    items: list[DivisionEntry]


class StaffParcelQuery(Asked):
    state: Annotated[str, Field(pattern=r"^[a-z_]{0,20}$", description="不填为要窗口处理的")] = ""
    waybill: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{0,40}$", description="扫快递单号查找")] = ""
    cursor: Annotated[str, Field(pattern=r"^([0-9]{1,14}\.[0-9A-Za-z_-]{1,64})?$")] = ""
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class StaffParcel(Told):
    """What the window sees: no phone, no address; both are on the label, as far as it shows them."""

    id: str
    case_no: str
    direction: str
    direction_text: str
    method: str
    method_text: str
    courier_text: str | None
    payer_text: str
    state: str
    state_text: str
    problem: str | None
    items: list[str]
    waybill: str | None
    recipient: Literal["holder", "agent"]
    receiver_name: str | None = Field(description="脱敏")
    created_at: str
    packed_at: str | None
    handed_over_at: str | None
    finished_at: str | None


class StaffParcels(Told):
    items: list[StaffParcel]
    next_cursor: str | None


class ScanOut(Asked):
    """What the gun read from the label: the wrong parcel is not handed over."""

    waybill: Waybill


class IdChecked(Asked):
    """Of whom an ID document was seen; its number is not written down."""

    by: Literal["holder", "agent"]
    id_checked: Literal[True]


class ParcelTaskQuery(Asked):
    state: Literal["open", "taken", "closed"] = "open"
    cursor: Annotated[str, Field(max_length=200, pattern=r"^([0-9]{1,14}\.[0-9A-Za-z_:.-]{1,160})?$")] = ""
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class ParcelTaskEntry(Told):
    id: str
    kind: str
    kind_text: str
    parcel_id: str
    case_no: str
    state: Literal["open", "taken", "closed"]
    mine: bool
    opened_at: str
    closed_at: str | None
    note: str


class ParcelTasksPage(Told):
    items: list[ParcelTaskEntry]
    next_cursor: str | None


class TaskDone(Asked):
    note: Annotated[Line, Field(min_length=2, max_length=200, description="怎样处理的；不要写姓名、号码和地址")]
