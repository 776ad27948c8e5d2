"""An item that is partly odd is read: what cannot be used is put aside with its path, and only what everybody needs is worth refusing it."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from core.items import Item
from core.reading import DEEPEST, model_of, read_item

BASE: dict[str, Any] = {"code": "A1", "version": 1, "name": "某事项", "department": {"name": "某局"}}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("field", "value", "path", "left"),
    [
        ("visits", "一两次", "visits", None),
        ("visits", 10**30, "visits", None),
        ("themes", "户籍", "themes", ()),
        ("online_url", "javascript:alert(1)", "online_url", None),
        ("statutory_limit", {"days": "很久"}, "statutory_limit", None),
        ("planned_effective", "明年", "planned_effective", None),
        ("fees", [{"amount_fen": 100}], "fees", None),
        ("materials", [{"name": "照片"}, {"copies": 1}], "materials", None),  # a list with one missing would look complete
    ],
)
def test_a_value_of_the_wrong_kind_is_put_aside_with_its_path_and_the_item_stands(field: str, value: Any, path: str, left: Any) -> None:
    item, odd = read_item(BASE | {field: value, "conditions": "年满十八周岁"})
    assert getattr(item, field) == left and item.conditions == "年满十八周岁"
    assert [one.field for one in odd] == [path] and odd[0].why
    assert set(item.source) == {path}


def test_only_the_smallest_part_that_may_be_unrecorded_is_taken_out() -> None:
    materials = [{"name": "照片", "copies": "两份", "sample": {"name": "样例", "url": "ftp://x"}}, {"name": "申请表", "copies": 1}]
    item, odd = read_item(BASE | {"department": {"name": "某局", "nature": 5}, "materials": materials})
    assert item.department.name == "某局" and item.department.nature is None
    assert item.materials is not None
    assert [(one.name, one.copies) for one in item.materials] == [("照片", None), ("申请表", 1)]
    assert item.materials[0].sample is not None and item.materials[0].sample.name == "样例"
    assert item.source == {"department.nature": 5, "materials.0.copies": "两份", "materials.0.sample.url": "ftp://x"}
    assert {one.field for one in odd} == set(item.source)


@pytest.mark.parametrize("wrong", [{"code": None}, {"name": ""}, {"department": {}}, {"department": "某局"}, {"version": "一"}])
def test_without_code_version_name_or_department_there_is_no_item(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read_item(BASE | wrong)


def test_a_word_no_list_knows_is_kept_as_text() -> None:
    given = {
        "kind": "新类型",
        "handling_kind": "极速件",
        "promised_limit": {"days": 2, "unit": "hours"},
        "materials": [{"name": "x", "original": "副本"}],
    }
    item, odd = read_item(BASE | given)
    assert odd == [] and item.promised_limit is not None and item.materials is not None
    assert (item.kind, item.handling_kind, item.promised_limit.unit, item.materials[0].original) == ("新类型", "极速件", "hours", "副本")


def test_what_was_put_aside_never_hides_what_the_source_said_under_that_name() -> None:
    item, _ = read_item(BASE | {"visits": "多次", "source": {"visits": "原文"}})
    assert item.source == {"visits": "原文", "visits (item)": "多次"}


def test_what_no_database_takes_becomes_text() -> None:
    deep: dict[str, Any] = {}
    for _ in range(DEEPEST + 50):
        deep = {"inside": deep}
    item, _ = read_item(BASE | {"source": {"number": 2**70, "nul\0name": 1, "deep": deep}})
    assert item.source["number"] == str(2**70) and item.source["nul␀name"] == 1
    assert orjson.dumps(item.model_dump(mode="json")).count(b"inside") < DEEPEST + 20


@given(st.dictionaries(st.sampled_from(sorted(set(Item.model_fields) - set(BASE))), ANYTHING, max_size=3))
def test_whatever_the_other_elements_hold_the_item_stands_and_every_value_is_in_it_or_put_aside(fields: dict[str, Any]) -> None:
    item, odd = read_item(BASE | fields)
    assert Item.model_validate(item.model_dump()) == item
    for one in odd:
        assert one.field in item.source or f"{one.field} (item)" in item.source


def test_every_element_has_a_chinese_name() -> None:
    nameless, seen = [], set[type[BaseModel]]()

    def look(model: type[BaseModel]) -> None:
        seen.add(model)
        for name, field in model.model_fields.items():
            if not field.title or field.title.isascii():
                nameless.append(f"{model.__name__}.{name}")
            if (inner := model_of(field.annotation)) is not None and inner not in seen:
                look(inner)

    look(Item)
    assert nameless == [] and len(seen) > 15
