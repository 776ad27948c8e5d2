"""Where a place lies, and who an item is for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.audiences import widened
from content.regions import closest, contains, lineage, plain
from tests.content.items import own_items

CODES = st.from_regex(r"\A[1-9][0-9]{5}(?:[0-9]{3}){0,2}\Z")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("990000", ["990000"]),
        ("990100", ["990100", "990000"]),
        ("990102", ["990102", "990100", "990000"]),
        ("990102012", ["990102012", "990102012000", "990102", "990100", "990000"]),
        ("990102012000", ["990102012000", "990102012", "990102", "990100", "990000"]),
        ("990102012003", ["990102012003", "990102012000", "990102012", "990102", "990100", "990000"]),
        ("990102000000", ["990102000000", "990102", "990100", "990000"]),
        ("", [""]),
        ("99010", ["99010"]),
        ("0990102", ["0990102"]),
        ("临江", ["临江"]),
        ("９９０１０２", ["９９０１０２"]),
        ("990102\n", ["990102\n"]),
    ],
)
def test_a_place_lies_in(code: str, expected: list[str]) -> None:
    assert lineage(code) == expected


@given(st.one_of(CODES, st.text(max_size=14)))
def test_a_lineage_begins_with_itself_names_nothing_twice_and_ends(code: str) -> None:
    found = lineage(code)
    assert found[0] == code and len(found) == len(set(found)) <= 6
    for parent in found[1:]:
        assert set(map(plain, lineage(parent))) <= set(map(plain, found))


@given(CODES)
def test_the_plain_spelling_is_the_same_place(code: str) -> None:
    assert plain(plain(code)) == plain(code)
    assert contains(code, plain(code)) and contains(plain(code), code)


def test_the_closest_is_the_place_itself_then_what_it_lies_in() -> None:
    offered = ["990000", "990100", "990103", "110000"]
    assert closest(offered, "990103") == "990103"
    assert closest(offered, "990102012003") == "990100"
    assert closest(offered, "440106") is None
    assert closest(["990102012"], "990102012000") == "990102012", "nine and twelve digits are one town"
    assert closest(["990100000000"], "990102") == "990100000000"
    assert closest(["somewhere"], "somewhere") == "somewhere"


@pytest.mark.parametrize(
    ("asked", "holds", "not_"),
    [
        ("个人", {"自然人"}, {"企业法人", "法人"}),
        ("企业", {"企业法人", "非法人企业", "个体工商户"}, {"自然人"}),
        ("法人", {"企业法人", "事业法人", "社会组织法人", "非法人企业", "其他组织"}, {"自然人"}),
        ("企业法人", {"企业法人", "法人"}, {"事业法人", "自然人"}),
        ("社会组织", {"社会组织法人"}, {"企业法人"}),
        ("个体户", {"个体工商户"}, {"企业法人"}),
        (" 法人 ", {"事业法人"}, {" 法人 "}),
    ],
)
def test_an_audience_is_also_called(asked: str, holds: set[str], not_: set[str]) -> None:
    found = widened(asked)
    assert found[0] == asked.strip() and holds <= set(found) and not (not_ & set(found)) and len(found) == len(set(found))


def test_an_unknown_audience_stands_for_itself() -> None:
    assert widened("航天员") == ["航天员"]


def test_whatever_our_own_items_call_it_a_person_and_a_business_find_them() -> None:
    person, business = set(widened("个人")), set(widened("企业"))
    assert all(set(item["audience"]) & (person | business) for item in own_items())
