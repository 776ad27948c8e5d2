"""What a form asks, what changed between two of them, and everything that is wrong with answers, quickly."""

import itertools
import time
from typing import Any

import pytest

from cases.draft_store import Content as DraftContent
from cases.draft_store import Drafts, Head, seen
from cases.drafts import fitted
from cases.file_store import Owner
from cases.forms import Checks, changes, fields
from kit.crypto import Keyring
from kit.mongo import Mongo, Tx

SCHEMA = "https://json-schema.org/draft/2020-12/schema"
WANG = Owner("person:P1", "P1", "r1")


def make_form(required: list[str] | None = None, **properties: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": SCHEMA, "type": "object", "properties": properties, "required": required or []}


def make_item(form: dict[str, Any] | None, version: int = 1) -> dict[str, Any]:
    return {"code": "I1", "version": version, "name": "事项", "form": form, "materials": [], "online": True}


def test_fields_of_conditions_and_definitions_are_fields_too() -> None:
    form = make_form(way={"$ref": "#/$defs/way"}) | {"$defs": {"way": {"title": "领取方式", "enum": ["post"]}}}
    form["if"] = {"properties": {"way": {"const": "post"}}}
    form["then"] = {"properties": {"address": {"title": "地址"}}, "required": ["address"]}
    assert {name: spec.get("title") for name, spec in fields(form).items()} == {"way": "领取方式", "address": "地址"}


def test_a_form_that_refers_to_itself_is_no_endless_one() -> None:
    form = make_form(a={"type": "string"})
    form["allOf"] = [{"$ref": "#"}]
    assert set(fields(form)) == {"a"}


def test_every_kind_of_change_is_told_once() -> None:
    before = make_form(["a"], a={"type": "string", "title": "甲"}, b={"type": "string", "title": "乙"}, c={"enum": ["1"]}, d={"type": "string"})
    after = make_form([], a={"type": "string", "title": "甲"}, b={"type": "integer", "title": "乙数"}, c={"enum": ["1", "2"]}, e={"title": "戊"})
    told = {one.field: (one.how, one.title_before, one.title_after) for one in changes(before, after)}
    assert told == {
        "a": (("required",), "甲", "甲"),
        "b": (("kind", "title"), "乙", "乙数"),
        "c": (("choices",), "c", "c"),
        "e": (("added",), None, "戊"),
        "d": (("removed",), "d", None),
    }
    assert changes(before, before) == [] and changes(None, after) == [] and changes(before, None) == []


def test_answers_of_gone_fields_are_kept_through_many_versions() -> None:
    forms = [make_form(a={"title": "甲"}, b={"title": "乙"}), make_form(a={"title": "甲"}), make_form(c={"title": "丙"}), make_form(a={}, b={})]
    draft: dict[str, Any] = {"state": "open", "answers": {"a": 1, "b": 2, "free": 3}, "former": {}, "items": [seen(make_item(forms[0]))]}
    for version, (before, form) in enumerate(itertools.pairwise(forms), 2):
        draft = fitted(draft, make_item(form, version), before)
    assert draft["answers"] == {"a": 1, "b": 2, "free": 3} and draft["former"] == {} and draft["item_version"] == 4


def test_what_was_submitted_is_never_fitted_to_a_later_form() -> None:
    draft = {"state": "submitted", "answers": {"a": 1}, "former": {}, "items": [], "item_version": 1}
    assert fitted(draft, make_item(make_form(), 2), make_form(a={})) == draft


def test_sixty_fields_are_checked_quickly_and_the_same_form_is_compiled_once() -> None:
    kinds: list[dict[str, Any]] = [{"type": "string", "minLength": 2}, {"type": "string", "pattern": "^1[3-9][0-9]{9}$"}, {"enum": ["甲", "乙"]}]
    names = [f"f{n}" for n in range(60)]
    form = make_form(names, **{name: {"title": name, **kinds[n % 3]} for n, name in enumerate(names)})
    checks, answers = Checks(), dict.fromkeys(names[:40], "错")
    first = checks.problems("I1", 1, form, answers)
    assert len(first) == 60
    began = time.process_time()
    for _ in range(20):
        assert checks.problems("I1", 1, dict(form), answers) == first
    assert (time.process_time() - began) / 20 < 0.06


def test_a_form_that_changed_under_its_version_is_checked_as_it_is() -> None:
    checks = Checks()
    assert [one.field for one in checks.problems("I1", 1, make_form(["a"], a={}), {})] == ["answers.a"]
    assert checks.problems("I1", 1, make_form([], a={}), {}) == []


@pytest.mark.parametrize("extra", ["猫", "it's", "a.b"])
def test_what_the_form_does_not_know_is_named(extra: str) -> None:
    form = make_form(a={"type": "string"}) | {"additionalProperties": False}
    told = Checks().problems("I1", 1, form, {"a": "x", extra: 1})
    assert len(told) == 1 and told[0].field in (f"answers.{extra}", "answers")


async def test_drafts_of_an_earlier_release_are_read_and_follow_their_person(mongo: Mongo, keys: Keyring) -> None:
    drafts = Drafts(mongo, keys)
    new = await drafts.add(WANG, Head("I1", 1, "事项"), DraftContent({"a": 1}, {}, [], [], [seen(make_item(None))]))
    gone = dict.fromkeys(("subject_key", "former", "items", "situations", "begun_with", "project_code", "person_id"), "")
    await mongo["drafts"].update_one({"_id": new["_id"]}, {"$unset": gone})
    unbound = Owner("resident:r1", None, "r1")
    old = await drafts.draft(new["_id"], unbound)
    assert old is not None and old["former"] == {} and old["items"] == [{"code": "I1", "version": 1, "name": "事项"}]
    assert await drafts.of_an_earlier_release() == ["r1"]

    async def move(tx: Tx) -> None:
        await drafts.move_drafts(tx, "r1", "P1")

    for _ in range(2):
        await mongo.transaction(move)
    assert await drafts.draft(new["_id"], unbound) is None and (await drafts.draft(new["_id"], WANG) or {})["answers"] == {"a": 1}
    assert await drafts.of_an_earlier_release() == []
