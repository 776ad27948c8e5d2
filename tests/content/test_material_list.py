"""One list for several items: the same paper once, in its strictest form; nothing lost, whatever the order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.material_list import Wanted, bare, combined, paper, same_papers
from tests.content.items import Json

SAME = same_papers({"居民身份证": ["身份证", "二代身份证"], "居民户口簿": ["户口簿", "户口本"]})


@pytest.mark.parametrize(
    "name",
    [
        "居民身份证",
        "身份证",
        "《居民身份证》",
        "身份证原件",
        "身份证（原件）",
        "身份证(复印件)",
        "居民身份证原件及复印件",
        "居民身份证原件和复印件各1份",
        "身份证原件、复印件",
        "身份证及复印件",
        "身份证或其复印件",
        "身份证【原件及复印件】",
        "身 份 证　原件",
        "二代身份证的复印件2张",
    ],
)
def test_the_same_paper_is_recognised(name: str) -> None:
    assert paper(name, SAME) == "居民身份证"


@pytest.mark.parametrize("name", ["监护人居民身份证", "居民身份证领取凭证", "居民身份证（监护人）", "临时居民身份证", "复印件", "原件", "身份证件"])
def test_another_paper_stays_another(name: str) -> None:
    assert paper(name, SAME) != "居民身份证" and paper(name, SAME) != ""


def want(name: str, code: str = "A", group: str | None = None, **fields: object) -> Wanted:
    return Wanted(group or code, code, {"name": name, **fields})


def only(*wanted: Wanted) -> Json:
    (one,) = combined(wanted, SAME)
    return one


@pytest.mark.parametrize(
    ("first", "second", "strictest"),
    [
        (("身份证", "原件"), ("身份证", "复印件"), "原件和复印件"),
        (("身份证", "电子"), ("身份证", "原件"), "原件"),
        (("身份证", "电子"), ("身份证", None), "电子"),
        (("身份证", None), ("身份证", None), None),
        (("身份证复印件", None), ("身份证", "原件"), "原件和复印件"),
        (("身份证原件及复印件", "电子"), ("身份证", None), "原件和复印件"),
        (("身份证原件或复印件", None), ("身份证", None), "原件或复印件"),
        (("身份证", "原件或复印件"), ("身份证", "原件"), "原件"),
        (("身份证及复印件", None), ("身份证", None), "原件和复印件"),
    ],
)
def test_the_strictest_form_is_kept(first: tuple[str, str | None], second: tuple[str, str | None], strictest: str | None) -> None:
    pair = [want(name, code, original=form) for code, (name, form) in zip("AB", (first, second), strict=True)]
    assert only(*pair)["original"] == only(*reversed(pair))["original"] == strictest


def test_copies_are_the_most_one_item_asks_for_and_notes_are_all_kept() -> None:
    told = only(want("身份证", "A", copies=1, note="正反面"), want("居民身份证", "B", copies=3, note="在有效期内"), want("身份证", "C"))
    assert (told["copies"], told["note"], told["for"], told["times_needed"]) == (3, "在有效期内；正反面", ["A", "B", "C"], 3)
    assert only(want("身份证"))["copies"] is None


def test_items_that_stand_for_each_other_want_a_paper_once() -> None:
    told = only(want("身份证", "A", "licence"), want("身份证", "B", "licence"), want("身份证", "C"))
    assert (told["for"], told["times_needed"]) == (["A", "B", "C"], 2)


def test_what_only_some_situations_need_is_said_unless_someone_needs_it_anyway() -> None:
    maybe, sure = want("结婚证", "A", only_if=["已婚"]), want("结婚证", "B")
    assert only(maybe)["only_if"] == ["已婚"]
    assert only(maybe, sure)["only_if"] == only(sure, maybe)["only_if"] == []


def test_it_is_required_as_soon_as_one_item_requires_it() -> None:
    no, silent, yes = want("表", "A", required=False), want("表", "B", required=None), want("表", "C", required=True)
    assert [only(*some)["required"] for some in ((no,), (no, silent), (no, silent, yes))] == [False, None, True]


def test_a_name_is_shown_as_the_source_wrote_it_without_what_the_other_fields_say() -> None:
    assert only(want("《食品安全制度》"))["name"] == "《食品安全制度》"
    assert only(want("营业执照复印件"))["name"] == "营业执照"
    assert only(want("户口本"))["name"] == "居民户口簿"


WORDS = st.sampled_from(["居民身份证", "身份证", "户口本", "《营业执照》", "结婚证", "章程（盖章）", "原件", "和", "复 印件"])
ENDINGS = st.sampled_from(["", "原件", "复印件", "（原件及复印件）", "及复印件", "原件、复印件各2份", "（副本）", " "])
NAMES = st.one_of(st.builds(str.__add__, WORDS, ENDINGS), st.text(min_size=1, max_size=12))
MATERIALS = st.fixed_dictionaries(
    {
        "name": NAMES,
        "original": st.sampled_from([None, "原件", "复印件", "原件和复印件", "电子", "原件或复印件", "纸质"]),
        "copies": st.none() | st.integers(0, 9),
        "note": st.sampled_from([None, "甲", "乙", "丙"]),
        "required": st.sampled_from([None, True, False]),
        "only_if": st.sampled_from([[], ["已婚"], ["未婚", "离异"]]),
    }
)
WANTED = st.lists(st.builds(Wanted, st.sampled_from(["g1", "g2", "g3"]), st.sampled_from(["A", "B", "C"]), MATERIALS), max_size=8)


def as_a_set(materials: list[Json]) -> list[str]:
    return sorted(repr(sorted(one.items())) for one in materials)


@given(WANTED, st.randoms(use_true_random=False))
def test_the_order_of_the_items_does_not_matter(wanted: list[Wanted], chance: object) -> None:
    shuffled = list(wanted)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    assert as_a_set(combined(wanted, SAME)) == as_a_set(combined(shuffled, SAME))


@given(WANTED)
def test_nothing_is_lost_and_nothing_is_made_up(wanted: list[Wanted]) -> None:
    told = {paper(one["name"], SAME): one for one in combined(wanted, SAME)}
    assert set(told) == {paper(one.material["name"], SAME) for one in wanted}
    for key, one in told.items():
        askers = [each for each in wanted if paper(each.material["name"], SAME) == key]
        assert one["for"] == sorted({each.code for each in askers})
        assert one["times_needed"] == len({each.group for each in askers})
        assert one["copies"] == max((each.material["copies"] for each in askers if each.material["copies"] is not None), default=None)
        assert all(each.material["note"] in one["note"] for each in askers if each.material["note"])
        assert any(each.material["required"] for each in askers) == (one["required"] is True)
        for form in ("原件", "复印件"):
            if any(each.material["original"] in (form, "原件和复印件") for each in askers):
                assert form in one["original"]


@given(WANTED)
def test_merging_the_same_items_again_changes_nothing(wanted: list[Wanted]) -> None:
    assert combined([*wanted, *wanted], SAME) == combined(wanted, SAME)


@given(NAMES)
def test_setting_aside_is_done_once_and_for_all(name: str) -> None:
    assert bare(bare(name)) == bare(name) and bare(name)
    assert paper(paper(name, SAME), SAME) == paper(name, SAME)
