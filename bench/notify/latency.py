"""From a core event to the provider's door, on the whole house: genuine signed webhooks at an even rate, whatever became of the ones before.

Each event is of another person's case, so that a push is known by its openid. The provider's own clock is read (same machine). It is the lean
one, not the sandbox: at 500 sends a second that would take a tenth of a core from the house.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from bench.figures import percentile, progress, report
from bench.notify import at_times
from bench.notify.at_times import Told
from bench.notify.house import House
from bench.notify.people import Somebody, events
from bench.notify.provider import Call

RATES = ((50, 20, 200), (500, 10, 1000))  # events a second, seconds, aim in ms
WARM = (50, 4)  # once before: what is measured is a house that runs
GRACE = 60.0  # seconds after the last event, for what is late


def measure(house: House) -> None:
    people = house.people(max(rate * seconds for rate, seconds, _ in RATES))
    house.tell(at_times.send(house.stack.api, _signed(house, people[: WARM[0] * WARM[1]], house.next_version()), WARM[0]))
    house.quiet()
    for rate, seconds, aim in RATES:
        progress(f"  每秒 {rate} 个事件，{seconds} 秒")
        whom = people[: rate * seconds]
        house.provider.forget()
        before = house.spent()
        told = house.tell(at_times.send(house.stack.api, _signed(house, whom, house.next_version()), rate))
        gaps = _gaps(house, whom, told)
        house.quiet()
        _say(told, gaps, {name: spent - before.get(name, 0.0) for name, spent in house.spent().items()})
        about = f"core event due to subscribe call arriving, {rate} signed webhooks/s for {seconds} s, one API, one worker, all on this machine"
        report(f"push_p95_ms_{rate}", percentile(gaps, 0.95), "ms", "lower", aim, about, len(gaps))


def _signed(house: House, people: Sequence[Somebody], version: int) -> list[bytes]:
    return [house.teller.request(one) for one in events(people, version)]


def _gaps(house: House, people: Sequence[Somebody], told: Sequence[Told]) -> list[float]:
    """Milliseconds. A push that never came is no sample: then there is no figure."""
    if wrong := Counter(one.status for one in told if one.status // 100 != 2):
        raise SystemExit(f"push_p95: events were not acknowledged: {dict(wrong)}")
    end = time.monotonic() + GRACE
    while house.provider.seen().calls < len(people) and time.monotonic() < end:
        time.sleep(0.2)
    return gaps(people, told, house.provider.calls())


def gaps(people: Sequence[Somebody], told: Sequence[Told], calls: Sequence[Call]) -> list[float]:
    """From each event's own time to its person's first push, in milliseconds. SystemExit where somebody was not told exactly once."""
    arrived: dict[str, list[float]] = {}
    for call in calls:
        arrived.setdefault(call.openid, []).append(call.at)
    if wrong := sum(len(arrived.get(one.openid, ())) != 1 for one in people):
        raise SystemExit(f"push_p95: {wrong} of {len(people)} persons were not told exactly once")
    return [(arrived[one.openid][0] - event.due) * 1000 for one, event in zip(people, told, strict=True)]


def _say(told: Sequence[Told], found: Sequence[float], cpu: Mapping[str, float]) -> None:
    late, acked = (percentile(some, 0.95) * 1000 for some in ([one.late for one in told], [one.acked for one in told]))
    middle, worst = percentile(found, 0.5), max(found)
    progress(f"  推送 p50 {middle:.0f} ms，最慢 {worst:.0f} ms；应答 p95 {acked:.0f} ms；测试自己迟发 p95 {late:.1f} ms")
    progress("  CPU 秒：" + "，".join(f"{name} {spent:.1f}" for name, spent in sorted(cpu.items(), key=lambda one: -one[1])))
