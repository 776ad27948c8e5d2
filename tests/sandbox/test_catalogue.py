"""The sandbox's own catalogue: every line is a whole item a resident could act on."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from stdnum.cn import uscc

from core.types import Item

FOLDER = Path(__file__).parents[2] / "sandbox" / "catalogue"
TYPES = {"行政许可": "01", "行政给付": "05", "行政确认": "07"}
LEVELS = {"市级": "3", "县级": "4"}
REGIONS = {"990100": "临江市", "990102": "江东区", "990103": "江西区"}
PREFILLS = {"name", "id_number", "phone", "uscc", "enterprise_name"}


def _lines() -> list[tuple[str, str]]:
    found = []
    for path in sorted(FOLDER.glob("*.jsonl")):
        lines = path.read_text(encoding="utf-8").splitlines()
        found += [(f"{path.name}:{number}", line) for number, line in enumerate(lines, 1)]
    return found


LINES = _lines()
every_line = pytest.mark.parametrize("line", [line for _, line in LINES], ids=[where for where, _ in LINES])


def _item(line: str) -> Item:
    return Item.model_validate_json(line)


def test_the_catalogue_is_split_by_theme_and_holds_at_least_48_different_services() -> None:
    assert 5 <= len(list(FOLDER.glob("*.jsonl"))) <= 7
    assert len({_item(line).name for _, line in LINES}) >= 48


def test_no_code_is_used_twice() -> None:
    codes = Counter(_item(line).code for _, line in LINES)
    assert [code for code, times in codes.items() if times > 1] == []


def test_one_body_has_one_credit_code_and_one_credit_code_one_body() -> None:
    pairs = {(_item(line).department.name, _item(line).code[:18]) for _, line in LINES}
    assert len(pairs) == len({name for name, _ in pairs}) == len({code for _, code in pairs})


def test_a_name_is_used_again_only_by_another_district() -> None:
    pairs = Counter((item.name, item.region.code if item.region else "") for item in (_item(line) for _, line in LINES))
    assert [pair for pair, times in pairs.items() if times > 1] == []


def test_at_least_20_items_ask_for_the_situation_and_at_least_12_have_a_form() -> None:
    items = [_item(line) for _, line in LINES]
    assert sum(bool(item.situations) for item in items) >= 20
    assert sum(item.form is not None for item in items) >= 12


@every_line
def test_a_line_is_one_compact_object_with_only_fields_the_contract_knows(line: str) -> None:
    raw = json.loads(line)
    assert line == json.dumps(raw, ensure_ascii=False, separators=(",", ":"))
    assert json.loads(_item(line).model_dump_json(exclude_unset=True)) == raw  # nothing dropped


@every_line
def test_a_code_is_31_characters_of_credit_code_level_and_base_code(line: str) -> None:
    item = _item(line)
    assert len(item.code) == 31
    assert uscc.is_valid(item.code[:18])
    assert item.department.code == item.code[:18]
    assert item.code[18] == LEVELS[item.level or ""]
    assert item.code[19:] == item.base_code
    assert item.code[19:23] == "00" + TYPES.get(item.kind or "", "20")


@every_line
def test_an_item_belongs_to_the_fictional_city_and_says_so(line: str) -> None:
    item = _item(line)
    assert item.version == 1
    assert item.region is not None and REGIONS[item.region.code] == item.region.name
    assert (item.level == "市级") == (item.region.code == "990100")
    assert "临江" in item.department.name
    assert item.source["fictional"] is True


@every_line
def test_a_guide_has_every_part_a_resident_needs(line: str) -> None:
    item = _item(line)
    assert item.audience and item.themes and item.legal_basis
    assert (item.conditions or "").startswith("1. ")
    assert item.materials and item.steps and item.places and item.results
    assert item.fees is not None
    assert item.statutory_limit is not None and item.promised_limit is not None
    assert item.consult_phone and item.complaint_phone
    assert item.visits is not None and item.delivery is not None
    assert item.online is not None and (item.online_url is not None) == item.online
    assert 2 <= len(item.faq) <= 3


@every_line
def test_materials_steps_places_and_fees_leave_nothing_to_guess(line: str) -> None:
    item = _item(line)
    for material in item.materials or ():
        assert material.original in {"原件", "复印件", "原件和复印件", "电子"}
        assert material.source in {"申请人自备", "政府部门核发", "其他"}
        assert material.required is not None
    assert all(step.what and step.who and step.days is not None for step in item.steps or ())
    assert all(place.name and place.address and place.hours and place.windows for place in item.places or ())
    assert all((fee.amount_fen is not None or fee.standard) and fee.basis for fee in item.fees or ())


@every_line
def test_the_promise_is_never_longer_than_the_law_allows(line: str) -> None:
    item = _item(line)
    statutory, promised = item.statutory_limit, item.promised_limit
    assert statutory is not None and promised is not None
    assert statutory.text and promised.text
    if statutory.unit == promised.unit:
        assert promised.days <= statutory.days


@every_line
def test_the_steps_together_keep_the_promise(line: str) -> None:
    item = _item(line)
    assert item.promised_limit is not None
    assert sum(step.days or 0 for step in item.steps or ()) <= max(item.promised_limit.days, 1)


@every_line
def test_a_material_names_only_situations_the_item_asks_about(line: str) -> None:
    item = _item(line)
    options = [option.id for situation in item.situations for option in situation.options]
    assert len(options) == len(set(options))
    assert all(len(situation.options) >= 2 for situation in item.situations)
    for material in item.materials or ():
        assert set(material.situations) <= set(options), material.name


@every_line
def test_everyday_names_are_several_and_never_the_official_name(line: str) -> None:
    item = _item(line)
    assert 3 <= len(set(item.everyday_names)) == len(item.everyday_names) <= 6
    assert item.name not in item.everyday_names


@every_line
def test_a_form_is_a_schema_that_asks_for_little_and_prefills_what_is_known(line: str) -> None:
    form: dict[str, Any] | None = _item(line).form
    if form is None:
        return
    Draft202012Validator.check_schema(form)
    assert form["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert form["type"] == "object"
    properties, required = form["properties"], form["required"]
    assert set(required) <= set(properties)
    assert 2 <= len(required) <= 5
    assert all(one["title"] for one in properties.values())
    prefilled = {name: one["x-prefill"] for name, one in properties.items() if "x-prefill" in one}
    assert set(prefilled.values()) <= PREFILLS
    assert len(set(prefilled.values())) == len(prefilled)


@every_line
def test_every_choice_by_code_has_its_words_and_a_condition_only_asks_for_more(line: str) -> None:
    form: dict[str, Any] = _item(line).form or {"properties": {}}
    for one in form["properties"].values():
        if labels := one.get("x-labels"):
            assert list(labels) == one["enum"] and all(labels.values())
        assert all(not choice.isascii() or not choice.islower() or "x-labels" in one for choice in one.get("enum", ()))
    assert ("if" in form) == ("then" in form)
    assert set(form.get("then", {}).get("required", ())) <= set(form["properties"]) - set(form.get("required", ()))


def test_some_forms_ask_for_more_by_what_was_answered() -> None:
    forms = [form for _, line in LINES if (form := _item(line).form) and "if" in form]
    assert len(forms) >= 3
    for form in forms:
        check = Draft202012Validator({"properties": form["properties"], "if": form["if"], "then": form["then"]})
        (name, rule) = next(iter(form["if"]["properties"].items()))
        asking = rule.get("const") or rule["enum"][0]
        assert not check.is_valid({name: asking})
        assert check.is_valid({name: form["properties"][name]["enum"][0]})
