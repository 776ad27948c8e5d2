"""An item stands on a published list for what it records, and on none for what it does not."""

from typing import Any

import pytest

from content.lists import LISTS, credible_visits, lists_of
from tests.content.items import make_item, own_items

COUNTER = [{"address": "临江市江东区望江路1号"}]


@pytest.mark.parametrize(
    ("fields", "stands_on"),
    [
        ({}, []),
        ({"promised_limit": {"days": 0}}, ["at_once"]),
        ({"promised_limit": {"days": 1}}, []),
        ({"statutory_limit": {"days": 0}}, []),
        ({"online": True}, ["online"]),
        ({"online": False}, []),
        ({"visits": 0, "online": True, "places": COUNTER}, ["online", "one_visit"]),
        ({"visits": 0}, ["one_visit"]),
        ({"visits": 0, "places": []}, ["one_visit"]),
        ({"visits": 0, "places": COUNTER}, []),
        ({"visits": 0, "places": COUNTER, "online": False}, []),
        ({"visits": 1, "places": COUNTER}, ["one_visit"]),
        ({"visits": 2, "online": True}, ["online"]),
    ],
)
def test_an_item_stands_on(fields: dict[str, Any], stands_on: list[str]) -> None:
    assert lists_of(make_item(**fields)) == stands_on


def test_the_kind_of_handling_alone_puts_it_on_the_first_list_and_may_be_missing() -> None:
    assert lists_of({**make_item(), "handling_kind": "即办件"}) == ["at_once"]
    assert lists_of({**make_item(), "handling_kind": "承诺件"}) == lists_of({**make_item(), "handling_kind": None}) == []


def test_visits_that_contradict_the_rest_are_not_believed() -> None:
    assert credible_visits(make_item(visits=0, places=COUNTER)) is None
    assert credible_visits(make_item(visits=0, places=COUNTER, online=True)) == 0
    assert credible_visits(make_item(visits=3, places=COUNTER)) == 3


def test_every_list_holds_some_of_our_own_items_and_none_holds_all() -> None:
    items = own_items()
    for one in LISTS:
        assert 0 < sum(one.id in lists_of(item) for item in items) < len(items)
