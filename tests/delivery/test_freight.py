"""Who pays for a parcel: the item's own rule, and what holds where it has none."""

import pytest

from miniapp_api.freight import who_pays


@pytest.mark.parametrize(
    ("rule", "licence", "papers"),
    [
        ("free", "free", "free"),
        ("city", "city", "city"),
        ("receiver", "receiver", "prepaid"),  # a hall takes nothing that is 到付
        ("prepaid", "prepaid", "prepaid"),
        (None, "receiver", "prepaid"),
        ("谁知道", "receiver", "prepaid"),  # a word of a newer core costs the city nothing
    ],
)
def test_the_items_rule_decides(rule: str | None, licence: str, papers: str) -> None:
    item = {"delivery_payer": rule}
    assert (who_pays(item, "to_resident", "courier"), who_pays(item, "to_hall", "courier")) == (licence, papers)


def test_what_no_courier_of_ours_carries_costs_nothing_here() -> None:
    item = {"delivery_payer": "prepaid"}
    assert who_pays(item, "to_resident", "pickup") == who_pays(item, "to_hall", "own_courier") == "free"
    assert who_pays(None, "to_resident", "pickup") == "free"
