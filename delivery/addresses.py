"""An address as a resident gives it: picked from the division tree, written out below that. Everything wrong with it is told at once."""

import re
from dataclasses import dataclass

from delivery import divisions
from delivery.couriers import Party
from kit.errors import FieldError, Invalid

_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_COUNTY = re.compile(r"[㐀-鿿·]{2,20}")
_DETAIL = re.compile(r"[㐀-鿿0-9A-Za-z]")
LEAST, MOST = 4, 100  # characters below the county; couriers take 100 and more


@dataclass(frozen=True, slots=True)
class Address:
    """Names as GET /v1/divisions gives them, and how the courier reaches whoever is there."""

    province: str
    city: str
    county: str
    detail: str
    phone: str


def party(name: str, given: Address, hall: Party) -> Party:
    """Raises Invalid with every error. In the hall's own city any county counts: a new one is there before the table has it."""
    wrong = [*_where(given, hall), *_reached(given)]
    if wrong:
        raise Invalid("address_invalid", "地址填写有误，请按提示修改", errors=tuple(wrong))
    return Party(name, given.phone, given.province, given.city, given.county, " ".join(given.detail.split()))


def _where(given: Address, hall: Party) -> list[FieldError]:
    if (given.province, given.city) == (hall.province, hall.city):
        return [] if _COUNTY.fullmatch(given.county) else [FieldError("address.county", "请选择区县")]
    if (province := divisions.named("", given.province)) is None:
        return [FieldError("address.province", "请从列表中选择省份")]
    if (city := divisions.named(province, given.city)) is None:
        return [FieldError("address.city", f"{given.province}没有这个城市，请从列表中重新选择")]
    if divisions.named(city, given.county) is None:
        return [FieldError("address.county", f"{given.city}没有这个区县，请从列表中重新选择")]
    return []


def _reached(given: Address) -> list[FieldError]:
    wrong, detail = list[FieldError](), given.detail.strip()
    if not LEAST <= len(detail) <= MOST or len(_DETAIL.findall(detail)) < LEAST or not detail.isprintable():
        wrong.append(FieldError("address.detail", f"请写明街道、门牌号、楼栋和房间，{LEAST} 到 {MOST} 个字"))
    if not _MOBILE.fullmatch(given.phone):
        wrong.append(FieldError("address.phone", "请填写 11 位手机号，快递员会打这个号码"))
    return wrong
