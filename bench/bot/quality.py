"""Shares of right answers, per set of questions and per style, with their 95 % intervals."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.bot.intervals import wilson
from bench.bot.verdicts import Verdict
from bench.figures import progress, report

AIMS = {"item_part_first": 0.75, "offered": 0.92, "followup": 0.90, "oos_answered": 0.10}
REAL_AIMS = {"ask": 0.80, "offered": 0.80, "invented": 0.15}  # of questions that real people asked, told by ask_accept on every line
OURS_ALONE = {"thanks_quiet", "no_item_hotline", "failed", "degraded"}  # say nothing about a peer
Judged = Sequence[Sequence[Verdict]]  # conversations of turns


@dataclass(frozen=True, slots=True)
class Share:
    """`what`: item_part_first …; `of`: "" for the whole set, else a style or a kind of turn. `name`: the figure's, without a peer's suffix."""

    name: str
    what: str
    of: str
    hits: int
    n: int
    better: Literal["higher", "lower"]
    aim: float | None
    about: str

    @property
    def value(self) -> float:
        return self.hits / self.n

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.hits, self.n)


@dataclass(frozen=True, slots=True)
class _Asked:
    what: str
    turns: list[Verdict]
    right: Callable[[Verdict], bool]
    better: Literal["higher", "lower"]
    about: str
    by: Callable[[Verdict], str] | None = None


def shares(name: str, judged: Judged) -> list[Share]:
    """Figures of the set `name`; those nothing was asked for are left out. A share `by` style or kind stands behind its whole."""
    real = all(turns[0].answered.turn.labelled for turns in judged)
    aims = REAL_AIMS if real else AIMS
    found = []
    for asked in _asked(judged, real):
        for of, turns in _groups(asked):
            figure = f"bot_{asked.what}_{name}" + (f"_{of}" if of else "")
            hits = sum(asked.right(one) for one in turns)
            found.append(Share(figure, asked.what, of, hits, len(turns), asked.better, None if of else aims.get(asked.what), asked.about))
    return found


def tell(told: Iterable[Share]) -> None:
    """One JSON line each."""
    for one in told:
        low, high = one.interval
        report(one.name, one.value, "share", one.better, one.aim, f"{one.about}; 95 % {low:.3f}-{high:.3f}", one.n)


def tell_peer(peer: str, told: Iterable[Share], ours: Iterable[Share]) -> None:
    """The peer's shares of whole sets, beside ours where ours were measured in this run."""
    mine = {one.name: one for one in ours}
    for one in told:
        if not one.of and one.what not in OURS_ALONE:
            beside = f"ours {mine[one.name].value:.3f}" if one.name in mine else one.about
            report(f"{one.name}__{peer}", one.value, "share", one.better, None, beside, one.n)


def table(told: Iterable[Share], beside: dict[str, list[Share]]) -> str:
    """For docs/benchmarks.md: whole sets with interval and peers, then a line of styles, then what each is."""
    every = list(told)
    head = ["figure", "ours", "95 %", "aim", *beside, "n"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    theirs = {peer: {one.name: one for one in of_peer} for peer, of_peer in beside.items()}
    for one in every:
        if one.of:
            continue
        low, high = one.interval
        aim = "" if one.aim is None else f"{'≥' if one.better == 'higher' else '≤'} {one.aim:.2f}"
        peers = [f"{of_peer[one.name].value:.3f}" if one.name in of_peer else "" for of_peer in theirs.values()]
        lines.append("| " + " | ".join([f"`{one.name}`", f"{one.value:.3f}", f"{low:.3f}–{high:.3f}", aim, *peers, str(one.n)]) + " |")
    for one in every:
        if not one.of:
            parts = [f"{part.of} {part.value:.2f} ({part.n})" for part in every if part.of and part.name == f"{one.name}_{part.of}"]
            lines += [f"\n`{one.name}` by style: {', '.join(parts)}."] if parts else []
    lines += ["", "| figure | what is measured |", "|---|---|"]
    lines += [f"| `bot_{what}_…` | {about} |" for what, about in {one.what: one.about for one in every}.items()]
    return "\n".join(lines)


def progress_of(name: str, judged: Judged) -> None:
    """What went wrong altogether, on stderr: a share alone hides a service that does not answer."""
    every = [one.answered for turns in judged for one in turns]
    failed = [one for one in every if one.reply is None]
    degraded = sum(bool(one.reply and one.reply["degraded"]) for one in every)
    progress(f"  {name}：{len(judged)} 段对话，{len(every)} 条消息，失败 {len(failed)}，降级 {degraded}")
    for one in failed[:3]:
        progress(f"    {one.turn.id}：{one.problem}")


def _asked(judged: Judged, real: bool) -> Iterator[_Asked]:
    firsts = [turns[0] for turns in judged]
    having, lacking = [one for one in firsts if one.answered.turn.codes], [one for one in firsts if not one.answered.turn.codes]
    yield _Asked("item_part_first", having, lambda one: one.part, "higher", "right item and part in the first card", _style)
    yield _Asked("item_first", having, lambda one: one.item, "higher", "right item in the first card, whatever part")
    yield _Asked("offered", having, lambda one: one.offered, "higher", "right item among the first five in cards and buttons", _style)
    started = [turns for turns in judged if turns[0].item]
    later = [one for turns in started for one in turns[1:] if one.answered.turn.codes]
    second, third = [one for one in later if one.answered.turn.number == 2], [one for one in later if one.answered.turn.number > 2]
    yield _Asked("followup", second, lambda one: one.part, "higher", "right second turn, of dialogues whose first had the right item", _kind)
    yield _Asked("later", third, lambda one: one.part, "higher", "right third turn, of dialogues whose first had the right item", _kind)
    thanks = [one for turns in judged for one in turns[1:] if not one.answered.turn.codes]
    yield _Asked("thanks_quiet", thanks, lambda one: not one.invented, "higher", "thanks in between answered without card and figure")
    about = "questions without an item that got a card of one or any figure"
    yield _Asked("invented" if real else "oos_answered", lacking, lambda one: one.invented, "lower", about, _style)
    yield _Asked(
        "no_item_hotline", lacking, lambda one: one.hotline, "lower", "questions without an item whose answer names 12345, no figure of an item"
    )
    read = [one for one in firsts if one.answered.turn.labelled or one.answered.turn.codes]
    yield _Asked("ask", read, lambda one: one.ask, "higher", "intent within the fair readings; questions that have an item or say them")
    every = [one for turns in judged for one in turns]
    yield _Asked("failed", every, lambda one: one.answered.reply is None, "lower", "messages without an answer that keeps the contract")
    yield _Asked("degraded", every, lambda one: bool(one.answered.reply and one.answered.reply["degraded"]), "lower", "answered without Rasa")


def _groups(asked: _Asked) -> Iterator[tuple[str, list[Verdict]]]:
    if not asked.turns:
        return
    yield "", asked.turns
    if asked.by is not None:
        names = sorted({asked.by(one) for one in asked.turns} - {""})
        for name in names if len(names) > 1 else []:
            yield name, [one for one in asked.turns if asked.by(one) == name]


def _style(one: Verdict) -> str:
    return one.answered.turn.style


def _kind(one: Verdict) -> str:
    return one.answered.turn.kind
