"""Text as search sees it: folded to one form, cut into characters, pairs and words, and spelt in pinyin. Pure functions and one dictionary."""

import os
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import product

os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")  # single characters are enough here, and 50 MB smaller
os.environ.setdefault("PYPINYIN_NO_DICT_COPY", "true")

import jieba
import opencc
import pypinyin

HAN = re.compile(r"[㐀-鿿豈-﫿\U00020000-\U000323af]+")
LATIN = re.compile(r"[0-9a-z]+")
CLAUSE = re.compile(r"[。!?;,、\s:…~]+")
# Control and format characters, surrogates, private use, tags: nothing a resident sees.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\uffff\ud800-\uf8ff\U000e0000-\U0010ffff]"
)
_SPACE = re.compile(r"\s+")
_SIMPLIFIED = opencc.OpenCC("t2s")
_OWN_COUNT = 2000  # a word of the catalogue is as common as 护照 in general text
_LEAST_COUNT, _LONGEST = 10, 5  # of jieba's general dictionary: 130,000 of 349,000 words, a fifth of the memory


def folded(text: str) -> str:
    """One form for every way of writing: width, case, traditional characters; nothing invisible. Lengths may change."""
    seen = _SPACE.sub(" ", _UNSEEN.sub("", unicodedata.normalize("NFKC", text)))
    return str(_SIMPLIFIED.convert(seen)).lower().strip()


@lru_cache(maxsize=20_000)
def simple(one: str) -> str:
    """One character, folded; a space where nothing is left."""
    return folded(one) or " "


def pairs(text: str) -> list[str]:
    """Character pairs of Han runs (a lone character stands for itself) and whole Latin words, in order."""
    found = LATIN.findall(text)
    for run in HAN.findall(text):
        found.extend([run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)])
    return found


def characters(text: str) -> list[str]:
    return [one for run in HAN.findall(text) for one in run]


@lru_cache(maxsize=1)
def _general() -> dict[str, int]:
    """jieba's own words that are common enough, as jieba's prefix dictionary wants them."""
    counts: dict[str, int] = {}
    with jieba.Tokenizer.get_dict_file(jieba.dt) as lines:
        for line in lines:
            word, count, _ = line.decode().split(" ")
            if int(count) >= _LEAST_COUNT and len(word) <= _LONGEST:
                counts[word] = int(count)
    _with_beginnings(counts, list(counts))
    return counts


def _with_beginnings(counts: dict[str, int], words: Iterable[str]) -> None:
    """jieba finds a word by its beginnings, which count nothing."""
    for word in words:
        for end in range(1, len(word)):
            counts.setdefault(word[:end], 0)


class Segmenter:
    """jieba over its general words and the catalogue's own, which win."""

    def __init__(self, own: Iterable[str]) -> None:
        counts = dict(_general())
        words = set(own)
        counts.update((word, max(counts.get(word, 0), _OWN_COUNT)) for word in words)
        _with_beginnings(counts, words)
        self._kept: dict[str, tuple[str, ...]] = {}
        self._learning = True
        self._jieba = jieba.Tokenizer()
        self._jieba.FREQ, self._jieba.total, self._jieba.initialized = counts, sum(counts.values()), True

    def knows(self, word: str) -> bool:
        return bool(self._jieba.FREQ.get(word))

    def cut(self, text: str) -> list[str]:
        """Every character of the text, in words."""
        return list(self._jieba.cut(text, HMM=False))

    def words(self, text: str) -> tuple[str, ...]:
        """Han words of the text and the shorter words inside them."""
        kept = self._kept.get(text)
        if kept is None:
            kept = tuple(word for word in self._jieba.lcut_for_search(text, HMM=False) if HAN.fullmatch(word))
            if self._learning:
                self._kept[text] = kept
        return kept

    def done(self) -> None:
        """After the catalogue was indexed: names, which come again and again in it, need not be kept any more."""
        self._learning = False
        self._kept.clear()


@lru_cache(maxsize=20_000)
def readings(one: str) -> tuple[str, ...]:
    """How one character is read, without tones: at most its three commonest readings."""
    found = pypinyin.pinyin(one, style=pypinyin.Style.NORMAL, heteronym=True, errors="default")[0]
    return tuple(dict.fromkeys(found))[:3]


@lru_cache(maxsize=20_000)
def _heard(one: str) -> tuple[str, ...]:
    """Its readings with what southern speakers do not tell apart made equal: zh/z, ch/c, sh/s, l/n, -ng/-n."""
    plain = (re.sub(r"^(z|c|s)h", r"\1", reading) for reading in readings(one))
    return tuple(dict.fromkeys(re.sub(r"ng$", "n", re.sub(r"^l", "n", reading)) for reading in plain))


def sounds(word: str) -> str:
    """How a word sounds, by the commonest readings."""
    return " ".join(_heard(one)[0] for one in word)


@lru_cache(maxsize=50_000)
def hearings(written: str) -> tuple[str, ...]:
    """Every way it may sound, the commonest first; at most six."""
    return tuple(" ".join(way) for way in _few(product(*(_heard(one) for one in written))))


def spellings(word: str) -> tuple[list[str], list[str]]:
    """(whole pinyin, initials) a person may type for a word of up to eight characters, a few of each."""
    whole = ["".join(one) for one in _few(product(*(readings(char) for char in word)))]
    return whole, list(dict.fromkeys("".join(part[0] for part in one) for one in _few(product(*(readings(char) for char in word)))))


def _few(ways: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [way for way, _ in zip(ways, range(6), strict=False)]
