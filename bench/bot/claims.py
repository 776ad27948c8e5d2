"""What a Chinese text claims as fact: amounts with units, limits, dates, times, phones, addresses, URLs, and "free" or "on the spot".

The same reading is used for a reply and for the item it cites, so that 两个工作日 and 2 个工作日, 2000 分 and 20 元, １５日 and 15天 are one thing.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Kind = Literal["url", "date", "hours", "time", "phone", "address", "place", "range", "amount", "ordinal", "count", "word", "weekdays"]

HOTLINE = "12345"
_CIRCLED = {chr(0x2460 + n): f"\n{n + 1}. " for n in range(20)}
_DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_TENS = {"十": 10, "百": 100, "千": 1000, "万": 10_000}
_HAN = r"[\u4e00-\u9fff]"

# said -> one word per unit; the longer spelling first
_UNITS = {
    **dict.fromkeys(("个工作日", "工作日"), "工作日"),
    **dict.fromkeys(("个自然日", "自然日", "日历日", "天", "日(?!期)"), "天"),
    **dict.fromkeys(("个月", "月份", "月"), "月"),
    **dict.fromkeys(("周年", "年(?!级)"), "年"),
    **dict.fromkeys(("个星期", "个礼拜", "周(?!岁|年|[一二三四五六日])"), "周"),
    **dict.fromkeys(("周岁", "岁"), "岁"),
    **dict.fromkeys(("个小时", "小时", "个钟头", "钟头"), "小时"),
    "分钟": "分钟",
    **dict.fromkeys(("元", "块钱", "块", "圆"), "元"),
    "角": "角",
    **dict.fromkeys(("次", "趟", "回"), "次"),
    **dict.fromkeys(("楼", "层"), "楼"),
    **dict.fromkeys(("平方米", "平米", "m2"), "平方米"),
    **{one: one for one in ("份", "张", "本", "%", "倍", "寸", "号", "室", "栋", "米", "公里", "档", "级", "人", "点", "折")},
    **dict.fromkeys(("个步骤", "步", "个环节", "环节"), "步"),
    **dict.fromkeys(("个地点", "个网点", "个窗口", "个地方", "个办理点", "处", "家"), "处"),
    **dict.fromkeys(("项", "种", "样", "类", "件"), "项"),
}
COUNTED = frozenset({"步", "处", "项"})  # units of what can be counted in an item rather than read
_UNIT = "|".join(_UNITS)
_SPOKEN = (  # units that a number in Chinese characters may stand before and be a claim
    r"个工作日|工作日|个自然日|自然日|天|日(?!期)|个月|年(?!级)|个星期|个礼拜|周岁|周(?!年|[一二三四五六日])|岁|个小时|小时|分钟|元|块钱|块|楼|层|份|次|趟|个步骤|个环节|步|处|项|种|样|倍"
)
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"

_URL = re.compile(
    r"(?:https?://|www\.)[\w.~:/?#@!$&'()*+=%-]+|[\w.-]+@[\w-]+(?:\.[\w-]+)+|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:cn|com|net|org|gov)\b(?:/[\w.~/?#=&%-]*)?",
    re.IGNORECASE | re.ASCII,
)
_DAY = re.compile(r"(?<![0-9])([12][0-9]{3})[年/.-]([0-9]{1,2})[月/.-]([0-9]{1,2})(?:日|号)?(?![0-9])")
_MONTH = re.compile(r"(?<![0-9])([12][0-9]{3})年([0-9]{1,2})月")
_MONTH_DAY = re.compile(r"(?<![0-9])([0-9]{1,2})月([0-9]{1,2})(?:日|号)")
_CLOCK = r"[0-9]{1,2}:[0-9]{2}"
_HOURS = re.compile(rf"(?<![0-9])({_CLOCK})-({_CLOCK})(?![0-9])")
_TIME = re.compile(rf"(?<![0-9])({_CLOCK})(?![0-9])")
_WEEKDAYS = re.compile(r"(?:周|星期|礼拜)([一二三四五六日天])-(?:周|星期|礼拜)?([一二三四五六日天])|(?:周|星期|礼拜)([一二三四五六日天])|(周末)")
_PHONE = re.compile(
    r"(?<![0-9.])(?:\(?0[0-9]{2,3}\)?[-\s]?[0-9]{3,4}[-\s]?[0-9]{2,4}|1[3-9][0-9](?:[-\s]?[0-9]{4}){2}|[48]00[-\s]?[0-9]{3,4}[-\s]?[0-9]{3,4}"
    r"|[0-9]{5,}(?!\.?[0-9]|\s?(?:元|块|万|亿|年|人|份|次|个|天|日|平)))(?:(?:转|-)[0-9]{1,6})?(?![0-9])"
)
_ADDRESS = re.compile(rf"({_HAN}{{2}}(?:大道|路|街|巷|胡同|弄))([0-9]+号)?")
_NO_ROAD = re.compile(r"(?:[道公铁线网思一半门马套水电出]路|上街|逛街|街道)")
_PLACE = re.compile(rf"({_HAN}{{2}})((?:公安)?(?:派出所|分局|支队|大厦|广场))")
_ANYWHERE = re.compile(r"地$|户籍$|[所住近当的各个任]$|就近|附近|所在|您的|任意|居住")
_RANGE = re.compile(rf"(?<![0-9.])({_NUMBER})({_UNIT})?-({_NUMBER})(万)?({_UNIT})?")
_POSITION = re.compile(r"(?:^|(?<=[\s。;:!?,)]))\(?([0-9]{1,2})[.、)](?!\d)", re.MULTILINE)
_REPLY_WITH = re.compile(r"回复(?:数字)?[“\"「]?[0-9](?:-[0-9])?(?![0-9.])")
_ORDINAL = re.compile(rf"第([0-9]+|[{''.join(_DIGITS)}{''.join(_TENS)}]+)(步|个环节|个步骤|条|款|项|号|版|类)?")
_AMOUNT = re.compile(rf"(¥)?(?<![0-9.])({_NUMBER})(万|亿)?({_UNIT})?")
_CHINESE = re.compile(rf"(百分之)?((?:[{''.join(_DIGITS)}{''.join(_TENS)}]+|半))({_SPOKEN})?")
_ONE_TRIP = re.compile(r"(?:跑|现场|窗口|到场|大厅|只需|去|来)[^,。;]{0,4}$")
_WORDS = {
    "免费": re.compile(r"免费|不收(?:取)?(?:任何)?费|不收钱|不要钱|不用交钱|无需缴费|免收|全免|不收取"),
    "当场": re.compile(r"当场|即时办结|即办|当日办结|当天办结|立等可取|马上办结"),
}


_What = Callable[[re.Match[str]], str]


@dataclass(frozen=True, slots=True)
class Claim:
    """`what`: the claim in one spelling, e.g. "15 工作日"; `said`: as the text has it."""

    kind: Kind
    what: str
    said: str


def fold(text: str) -> str:
    """One width, one dash, no thousands separators, no blanks between a figure and its word."""
    folded = unicodedata.normalize("NFKC", "".join(_CIRCLED.get(one, one) for one in text))
    folded = re.sub("[—–‐−～~]+", "-", folded)
    folded = re.sub(r"(?<=[0-9元%日天岁一二三四五六])(?:至|到)(?=周?[0-9一二三四五六日天])", "-", folded)
    folded = re.sub(r"(?<=周[一二三四五六])[到至]", "-", folded)
    folded = re.sub(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))", "", folded)
    return re.sub(rf"(?<={_HAN})[ \t]+(?=[0-9](?![0-9]?[.、)](?![0-9])))|(?<=[0-9])[ \t]+(?={_HAN}|%|-)|(?<=-)[ \t]+(?=[0-9])|(?<=¥)\s+", "", folded)


def number(said: str) -> Decimal:
    """三十 -> 30, 一百二十 -> 120, 20 -> 20, 半 -> 0.5. Source of the grammar: everyday Chinese up to 万."""
    if said[0] in "0123456789":
        return Decimal(said)
    if said == "半":
        return Decimal("0.5")
    total = section = digit = 0
    for sign in said:
        if sign in _DIGITS:
            digit = _DIGITS[sign]
        elif sign == "万":
            total, section, digit = total + (section + digit) * 10_000, 0, 0
        else:
            section, digit = section + (digit or 1) * _TENS[sign], 0
    return Decimal(total + section + digit)


def amount(value: Decimal | int, unit: str) -> str:
    """ "20.00", "元" -> "20 元": how an amount is compared."""
    plain = format(Decimal(value).normalize(), "f")
    return f"{plain} {unit}".strip()


def unit_of(said: str | None) -> str:
    if not said:
        return ""
    return _UNITS.get(said) or next(one for pattern, one in _UNITS.items() if re.fullmatch(re.sub(r"\(\?!.*\)$", "", pattern), said))


def claims(text: str, *, every: bool = False) -> list[Claim]:
    """The claims of `text`; positions of lists (1. 2. 3.), "回复 1" and a vague 一次 or 一份 are none. `every`: the vague ones too, as a source has them."""
    reading = _Reading(fold(text), every)
    return [*reading.overlaid(), *reading.taken()]


class _Reading:
    """A text from which every kind takes its matches, so that the 12 of 0990-1234101 is no amount."""

    def __init__(self, folded: str, every: bool) -> None:
        self._left, self._every = folded, every

    def overlaid(self) -> Iterator[Claim]:
        """Addresses and words; their figures are read again as figures."""
        for hit in _ADDRESS.finditer(self._left):
            if hit[2] or not _NO_ROAD.search(hit[0] + self._left[hit.end() : hit.end() + 1]):
                yield Claim("address", hit[0], hit[0])
        for hit in _PLACE.finditer(self._left):
            if not _ANYWHERE.search(hit[1]):
                yield Claim("place", hit[0], hit[0])
        for word, pattern in _WORDS.items():
            if hit_word := pattern.search(self._left):
                yield Claim("word", word, hit_word[0])

    def taken(self) -> Iterator[Claim]:
        self._positions()
        yield from self._take(_URL, "url", lambda hit: hit[0].lower().rstrip(".,;:)!?'/").removeprefix("https://").removeprefix("http://"))
        yield from self._take(_DAY, "date", lambda hit: f"{int(hit[1])}-{int(hit[2])}-{int(hit[3])}")
        yield from self._take(_MONTH, "date", lambda hit: f"{int(hit[1])}-{int(hit[2])}")
        yield from self._take(_MONTH_DAY, "date", lambda hit: f"{int(hit[1])}-{int(hit[2])}")
        yield from self._take(_HOURS, "hours", lambda hit: f"{hit[1].lstrip('0')}-{hit[2].lstrip('0')}")
        yield from self._take(_TIME, "time", lambda hit: hit[1].lstrip("0"))
        yield from self._take(_WEEKDAYS, "weekdays", lambda hit: "-".join(one.replace("天", "日") for one in hit.groups() if one))
        yield from self._take(_PHONE, "phone", lambda hit: re.sub("[^0-9]", "", hit[0]))
        yield from self._take(_ORDINAL, "ordinal", lambda hit: f"第{amount(number(hit[1]), '')}{hit[2] or ''}")
        yield from self._ranges()
        yield from self._take(_AMOUNT, "amount", _said_amount)
        yield from self._chinese()

    def _take(self, pattern: re.Pattern[str], kind: Kind, what: _What) -> Iterator[Claim]:
        for hit in list(pattern.finditer(self._left)):
            yield Claim(kind, what(hit), hit[0].strip())
            self._blank(hit)

    def _positions(self) -> None:
        """Only where they count on from 1: "2." alone is a figure."""
        last = 0
        for hit in list(_POSITION.finditer(self._left)):
            if int(hit[1]) in (1, last + 1):
                last = int(hit[1])
                self._blank(hit)
        for hit in list(_REPLY_WITH.finditer(self._left)):
            self._blank(hit)

    def _ranges(self) -> Iterator[Claim]:
        for hit in list(_RANGE.finditer(self._left)):
            unit = unit_of(hit[5]) or unit_of(hit[2])
            many = 10_000 if hit[4] else 1
            yield Claim("range", f"{amount(Decimal(hit[1]) * many, '')}-{amount(Decimal(hit[3]) * many, unit)}", hit[0])
            self._blank(hit)

    def _chinese(self) -> Iterator[Claim]:
        for hit in _CHINESE.finditer(self._left):
            before = self._left[max(0, hit.start() - 8) : hit.start()]
            if hit[1]:
                yield Claim("amount", amount(number(hit[2]), "%"), hit[0])
            elif hit[3] and not before.endswith(("第", "某", "同", "另", "这", "那", "哪", "统", "周", "星期", "之")):
                unit = unit_of(hit[3])
                few = hit[2] == "一" and (unit in COUNTED or unit == "份" or before.endswith("每") or (unit == "次" and not _ONE_TRIP.search(before)))
                if self._every or not few:
                    yield Claim("amount", amount(number(hit[2]), unit), hit[0])

    def _blank(self, hit: re.Match[str]) -> None:
        self._left = self._left[: hit.start()] + "\0" * (hit.end() - hit.start()) + self._left[hit.end() :]


def _said_amount(hit: re.Match[str]) -> str:
    many = {"万": 10_000, "亿": 100_000_000}.get(hit[3] or "", 1)
    return amount(Decimal(hit[2]) * many, "元" if hit[1] else unit_of(hit[4]))
