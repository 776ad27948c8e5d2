"""Folding, terms, sounds and the table of everyday names: pure rules."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content import everyday
from content.asked import LONGEST, Lexicon, Listener
from content.everyday import BadEverydayNames, EverydayNames
from content.text import Segmenter, folded, pairs, sounds, spellings
from content.unfound import told


def names(text: str, folder: Path) -> EverydayNames:
    file = folder / "words.txt"
    file.write_text(text, encoding="utf-8")
    return everyday.read([file])


def said(table: EverydayNames, question: str) -> set[str]:
    return {word for one in table.heard(folded(question)) for word in one.phrase.words}


def test_every_way_of_writing_folds_to_one() -> None:
    assert folded("身份證\u200b丟了　ＡＢC１\r\n") == "身份证丢了 abc1"
    assert pairs("abc 身份证1护") == ["abc", "1", "身份", "份证", "护"]


@given(st.text(max_size=300))
def test_folding_never_fails_and_folding_again_changes_nothing(text: str) -> None:
    once = folded(text)
    assert folded(once) == once and not any(char < " " for char in once)


def test_words_that_southern_speakers_say_alike_sound_alike() -> None:
    assert sounds("护照") == sounds("互造") and sounds("兰") == sounds("南") and sounds("残疾") != sounds("护照")


def test_a_word_is_spelt_whole_and_by_initials() -> None:
    whole, initials = spellings("护照")
    assert whole[0] == "huzhao" and initials[0] == "hz"


def test_a_phrase_is_heard_when_all_its_parts_stand_near_in_any_order(tmp_path: Path) -> None:
    table = names("狂犬病 门诊 < 狗/猫+咬/抓\n护照 < 出国的本子", tmp_path)
    assert said(table, "被隔壁的貓抓了一下") == {"狂犬病", "门诊"}
    assert said(table, "咬我的是只狗") == {"狂犬病", "门诊"}
    assert said(table, "出国的本子在哪办") == {"护照"}
    assert said(table, "狗") == set() and said(table, "狗" + "。" * 60 + "咬") == set()


def test_parts_of_one_phrase_never_share_a_character(tmp_path: Path) -> None:
    table = names("退费 < 退+退休", tmp_path)
    assert said(table, "我退休了") == set() and said(table, "退休了能退吗") == {"退费"}


def test_operators_add_words_and_forget_built_in_ones(tmp_path: Path) -> None:
    first, own = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("户口迁移 < 落户, 迁户口\n轻: 请问, 怎么\n默认: 核发", encoding="utf-8")
    own.write_text("# 本市说法\n删：落户\n积分入户 < 攒分落户", encoding="utf-8")
    table = everyday.read([first, own])
    assert said(table, "落户") == set() and said(table, "迁戶口") == {"户口迁移"} and said(table, "攒分落户") == {"积分入户"}
    assert table.little == {"请问", "怎么"} and table.implied == {"核发"}


def test_everything_wrong_in_the_file_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BadEverydayNames) as told_all:
        names("护照\n户口 < \n < 落户\n社保卡 < 社保++卡\n身份证 < 证", tmp_path)
    message = str(told_all.value)
    assert all(f"第 {number} 行" in message for number in (1, 2, 3, 4)) and "第 5 行" not in message
    with pytest.raises(BadEverydayNames, match=r"none\.txt"):
        everyday.read([tmp_path / "none.txt"])


def test_the_built_in_table_is_good() -> None:
    table = everyday.read([everyday.BUILT_IN])
    assert len(table.phrases) > 5000 and table.little and table.implied
    assert all(len(part) > 1 or len(one.parts) > 1 or one.act for one in table.phrases for alternatives in one.parts for part in alternatives)


def listener(*words: str, table: EverydayNames | None = None) -> Listener:
    segmenter, lexicon = Segmenter(words), Lexicon()
    lexicon.learn(words)
    lexicon.close()
    return Listener(segmenter, lexicon, table or EverydayNames(()), {pair for word in words for pair in pairs(word)})


def test_a_slip_is_mended_by_its_sound_and_words_are_left_alone() -> None:
    ears = listener("残疾人证", "增值税", "预约")
    assert ears.asked("残及人证丢了").mended == "残疾人证丢了"
    assert ears.asked("曾值税怎么交").mended == "增值税怎么交"
    assert ears.asked("预防针在哪里打").mended is None and ears.asked("残疾人证丢了").mended is None


def test_pinyin_and_initials_are_understood() -> None:
    ears = listener("护照", "社会保障卡")
    for typed in ("huzhao", "hu zhao", "HZ"):
        assert ears.asked(typed).mended == "护照"
    assert ears.asked("shbzk").mended == "社会保障卡" and ears.asked("護照").mended is None


@given(st.text(max_size=2000))
def test_a_question_of_any_kind_becomes_a_bounded_set_of_terms(text: str) -> None:
    asked = listener("护照").asked(text)
    assert len(asked.text) <= LONGEST and len(asked.terms) <= 4 * LONGEST and all(0 < weight <= 1 for weight in asked.terms.values())


@pytest.mark.parametrize(
    ("question", "kept"),
    [("彩票站怎么开", "彩票站怎么开"), ("我的号码是13800138000", "我的号码是*"), ("身份证110105194912310021x能查吗", "身份证*能查吗"), ("a@b.cn", None), ("长" * 31, None), ("x", None)],
)  # fmt: skip
def test_what_is_kept_of_an_unanswered_question_names_nobody(question: str, kept: str | None) -> None:
    assert told(question) == kept
