"""What changed between two versions: by name, never by position; nothing missed, nothing invented."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.versions import Difference, diff
from core.items import Item
from tests.content.items import make_item

NAMES = st.sampled_from(["申请表", "照片", "身份证", "委托书"])
MATERIALS = st.none() | st.lists(
    st.fixed_dictionaries({"name": NAMES}, optional={"copies": st.integers(0, 2), "note": st.sampled_from(["甲", "乙"])}), max_size=4
)
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "materials": MATERIALS,
        "fees": st.none() | st.lists(st.fixed_dictionaries({"name": NAMES}, optional={"amount_fen": st.integers(0, 3)}), max_size=2),
        "steps": st.none() | st.lists(st.fixed_dictionaries({"name": NAMES}), max_size=3, unique_by=lambda one: one["name"]),
        "themes": st.lists(NAMES, max_size=3),
        "visits": st.none() | st.integers(0, 3),
        "promised_limit": st.none() | st.fixed_dictionaries({"days": st.integers(0, 3)}),
        "source": st.dictionaries(NAMES, st.integers(0, 2), max_size=2),
    },
).map(lambda fields: made(fields))
_OTHER = {"added": "removed", "removed": "added", "changed": "changed"}


def made(fields: dict[str, Any]) -> dict[str, Any]:
    return make_item(**fields)


def told(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, Any, Any]]:
    return [(one.path, one.kind, one.before, one.after) for one in diff(before, after)]


@given(ITEMS, ITEMS)
def test_the_way_back_is_the_way_there_reversed(one: dict[str, Any], other: dict[str, Any]) -> None:
    back = [Difference(way.path, way.label, _OTHER[way.kind], way.after, way.before) for way in diff(other, one)]  # type: ignore[arg-type]  # a literal
    assert sorted(map(repr, diff(one, other))) == sorted(map(repr, back))


@given(ITEMS, ITEMS)
def test_items_that_differ_in_content_never_look_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    def content(item: dict[str, Any]) -> Any:
        unordered = {name: sorted(map(repr, item[name])) if item[name] is not None else None for name in ("materials", "fees", "themes")}
        return {**item, **unordered}

    assert (diff(one, other) == []) == (content(one) == content(other))


@given(ITEMS, ITEMS, st.randoms(use_true_random=False))
def test_the_order_of_materials_changes_nothing(one: dict[str, Any], other: dict[str, Any], chance: random.Random) -> None:
    one, other = ({**item, "materials": item["materials"] or []} for item in (one, other))
    moved = {**other, "materials": chance.sample(other["materials"], len(other["materials"]))}
    assert sorted(map(repr, diff(one, other))) == sorted(map(repr, diff(one, moved)))


def test_a_material_in_front_is_one_addition_and_not_a_change_of_all_the_others() -> None:
    before = make_item(materials=[{"name": "照片", "copies": 1}, {"name": "申请表"}])
    after = make_item(version=2, materials=[{"name": "委托书"}, {"name": "照片", "copies": 2}, {"name": "申请表"}])
    assert {(one.path, one.label, one.kind) for one in diff(before, after)} == {
        ("materials[照片].copies", "申请材料：照片 份数", "changed"),
        ("materials[委托书]", "申请材料：委托书", "added"),
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"visits": 1}, {"visits": 0}, [("visits", "changed", 1, 0)]),
        ({"visits": 1}, {}, [("visits", "removed", 1, None)]),
        ({}, {"fees": []}, [("fees", "added", None, [])]),  # not recorded -> free of charge is news
        ({"promised_limit": {"days": 5}}, {"promised_limit": {"days": 3}}, [("promised_limit.days", "changed", 5, 3)]),
        ({"themes": ["户籍"]}, {"themes": ["出行"]}, [("themes[户籍]", "removed", "户籍", None), ("themes[出行]", "added", None, "出行")]),
        (
            {"steps": [{"name": "甲"}, {"name": "乙"}]},
            {"steps": [{"name": "乙"}, {"name": "甲"}]},
            [("steps", "changed", ["甲", "乙"], ["乙", "甲"])],
        ),
        (
            {"form": {"required": ["a"]}},
            {"form": {"required": ["b"]}},
            [("form.required[a]", "removed", "a", None), ("form.required[b]", "added", None, "b")],
        ),
    ],
)
def test_each_kind_of_change_is_told_as_what_it_is(before: Any, after: Any, expected: Any) -> None:
    assert told(make_item(**before), make_item(**after)) == expected


def test_an_element_an_earlier_release_did_not_store_is_no_change() -> None:
    old = {name: value for name, value in make_item().items() if name in ("code", "version", "name", "department", "materials")}
    assert diff(old, make_item(version=2)) == [] == diff(make_item(), old)


def test_every_element_that_changes_is_told() -> None:
    """No element is forgotten by the comparison, whichever it is."""
    for name, field in Item.model_fields.items():
        if name not in ("code", "version"):
            one = make_item()
            assert [way.path.split(".")[0].split("[")[0] for way in diff(one, {**one, name: "另一个值"})] == [name], name
            assert all(way.label.startswith(str(field.title)) for way in diff(one, {**one, name: "另一个值"}))
