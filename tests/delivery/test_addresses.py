"""An address is picked from the division tree; everything wrong with one is told at once."""

from dataclasses import replace

import pytest

from delivery import divisions
from delivery.addresses import Address, party
from delivery.couriers import Party
from kit.errors import Invalid

HALL = Party("市政务服务中心", "13900000000", "广东省", "临江市", "江东区", "市民路1号")
GOOD = Address("广东省", "深圳市", "南山区", "科技园路 1 号 3 栋 1602", "13800001234")


def wrong(given: Address) -> list[str]:
    with pytest.raises(Invalid) as caught:
        party("张三", given, HALL)
    return [one.field for one in caught.value.errors]


def test_the_tree_has_every_province_and_every_division_has_one_parent() -> None:
    provinces = divisions.below("")
    assert len(provinces) == 34 and ("440000", "广东省") in provinces
    assert ("440300", "深圳市") in divisions.below("440000") and ("440305", "南山区") in divisions.below("440300")
    cities = [city for province, _ in provinces for city in divisions.below(province)]
    counties = [county for city, _ in cities for county in divisions.below(city)]
    assert len(provinces) + len(cities) + len(counties) == len(divisions.TABLE.read_text().splitlines())  # nothing hangs in the air


def test_a_good_address_is_a_party() -> None:
    assert party("张三", GOOD, HALL) == Party("张三", "13800001234", "广东省", "深圳市", "南山区", "科技园路 1 号 3 栋 1602")


def test_in_the_city_itself_a_county_need_not_be_in_the_table() -> None:
    own = replace(GOOD, city="临江市", county="江西区")
    assert party("张三", own, HALL).county == "江西区"
    assert wrong(replace(own, county="<b>")) == ["address.county"]
    assert wrong(replace(own, province="福建省")) == ["address.city"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"province": "广东"}, "address.province"),
        ({"city": "杭州市"}, "address.city"),
        ({"county": "西湖区"}, "address.county"),
        ({"detail": "三楼"}, "address.detail"),
        ({"detail": "……！！！！"}, "address.detail"),
        ({"detail": "街" * 101}, "address.detail"),
        ({"detail": "科技园路\n1 号"}, "address.detail"),
        ({"phone": "12800001234"}, "address.phone"),
        ({"phone": "0755-1234567"}, "address.phone"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, str], field: str) -> None:
    assert wrong(replace(GOOD, **change)) == [field]


def test_everything_wrong_is_told_at_once() -> None:
    assert wrong(Address("火星省", "", "", "", "")) == ["address.province", "address.detail", "address.phone"]
