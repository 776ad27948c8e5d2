"""Everyday names: what residents say, and the official words it stands for. Operators edit the file; nothing here knows an item.

One concept a line, official words on the left: `往来港澳通行证 < 去香港, 香港/澳门+玩/旅游`. A phrase is looked for in the question; `+` joins parts
that must all stand near each other, `/` gives alternatives of one part. A line starting with `*` is about an act (补办, 延期), not a thing.
`轻:` lists words that carry little meaning in a question, `默认:` words of names that go without saying, `删:` phrases to forget.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from content.text import folded, pairs

BUILT_IN = Path(__file__).parent / "defaults" / "everyday"
_NEAR = 40  # characters between the parts of one phrase


class BadEverydayNames(Exception):
    """The file cannot be used; the message says every line that is wrong, in Chinese."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """`words`: the official words it stands for. `parts`: each with its alternatives."""

    said: str
    words: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...]
    act: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """A phrase found in a question, with the stretches it covers."""

    phrase: Phrase
    spans: tuple[tuple[int, int], ...]


class EverydayNames:
    """Immutable; an edited file makes a new one."""

    def __init__(self, phrases: Iterable[Phrase], little: Iterable[str] = (), implied: Collection[str] = ()) -> None:
        self.phrases = tuple(phrases)
        self.little = frozenset(little)
        self.little_pairs = frozenset(pair for word in self.little for pair in pairs(word))
        self.implied = frozenset(pair for word in implied for pair in pairs(word))
        self.acts = frozenset(word for one in self.phrases if one.act for word in one.words if len(word) > 1) - frozenset(implied)
        uses = Counter(text for phrase in self.phrases for part in phrase.parts for text in part)
        self._starts: dict[str, list[str]] = defaultdict(list)
        for text in uses:
            self._starts[text[:2]].append(text)
        self._by_rarest: dict[str, list[int]] = defaultdict(list)  # a phrase is looked at only where its rarest part stands
        for number, phrase in enumerate(self.phrases):
            for text in min(phrase.parts, key=lambda part: sum(uses[text] for text in part)):
                self._by_rarest[text].append(number)

    def heard(self, question: str) -> list[Heard]:
        """Phrases of a folded question, in the order of the table. Work is bounded by its length, not by the size of the table."""
        standing: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for start in range(len(question)):
            for beginning in dict.fromkeys((question[start], question[start : start + 2])):
                for text in self._starts.get(beginning, ()):
                    if question.startswith(text, start):
                        standing[text].append((start, start + len(text)))
        found = []
        for number in sorted({number for text in standing for number in self._by_rarest.get(text, ())}):
            phrase = self.phrases[number]
            places = [[span for text in part if text in standing for span in standing[text]] for part in phrase.parts]
            spans = _together(places) if all(places) else ()
            if spans:
                found.append(Heard(phrase, spans))
        return found


def _together(places: Sequence[list[tuple[int, int]]]) -> tuple[tuple[int, int], ...]:
    """One stretch of every part, none over another, all near the first; () when there is no such choice."""
    for anchor in places[0]:
        chosen = [anchor]
        for spans in places[1:]:
            free = [one for one in spans if all(one[1] <= other[0] or other[1] <= one[0] for other in chosen)]
            nearest = min(free, key=lambda one: abs(one[0] - anchor[0]), default=None)
            if nearest is None or abs(nearest[0] - anchor[0]) > _NEAR:
                break
            chosen.append(nearest)
        else:
            return tuple(chosen)
    return ()


def files(places: Sequence[Path]) -> list[Path]:
    """The files themselves, and the .txt files of folders, by name."""
    return [file for place in places for file in (sorted(place.glob("*.txt")) if place.is_dir() else [place])]


def read(places: Sequence[Path]) -> EverydayNames:
    """The built-in names and the operators' own, in this order. Raises BadEverydayNames with everything wrong at once."""
    wrong: list[str] = []
    phrases: list[Phrase] = []
    lists: dict[str, list[str]] = {"轻": [], "默认": [], "删": []}
    for path in files(places):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as exc:
            wrong.append(f"{path} 读不了：{exc}")
            continue
        for number, line in enumerate(lines, 1):
            text = line.partition("#")[0].strip()
            name, colon, rest = text.replace("：", ":").partition(":")
            if colon and name in lists:
                lists[name].extend(filter(None, (folded(one) for one in rest.replace("，", ",").split(","))))
            elif text:
                try:
                    phrases.extend(_phrases(text))
                except ValueError as exc:
                    wrong.append(f"{path} 第 {number} 行：{exc}")
    if wrong:
        raise BadEverydayNames("；".join(wrong[:20]) + (f"；等 {len(wrong)} 处" if len(wrong) > 20 else ""))
    gone = set(lists["删"])
    return EverydayNames([one for one in phrases if one.said not in gone], lists["轻"], lists["默认"])


def _phrases(line: str) -> list[Phrase]:
    """Raises ValueError with what to do."""
    official, less, spoken = line.replace("，", ",").partition("<")
    act = official.startswith("*")
    words = tuple(dict.fromkeys(folded(word) for word in official.removeprefix("*").split()))
    if not less or not words:
        raise ValueError("应写成“官方说法 < 居民说法, 居民说法”")
    found = []
    for said in dict.fromkeys(filter(None, (folded(one) for one in spoken.split(",")))):
        parts = tuple(tuple(dict.fromkeys(filter(None, part.split("/")))) for part in said.split("+"))
        if not all(parts):
            raise ValueError(f"“{said}”里有空的一段")
        found.append(Phrase(said, words, parts, act))
    if not found:
        raise ValueError("“<”右边没有居民说法")
    return found
