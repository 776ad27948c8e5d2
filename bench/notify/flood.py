"""Ten thousand events at once for ten thousand persons: how long until the last push, and was each person told exactly once?"""

import time
from collections import Counter
from collections.abc import Iterable

from bench.figures import progress, report
from bench.notify.house import House
from bench.notify.people import events
from bench.notify.provider import Call
from bench.pay.posting import in_turn

PEOPLE, CONNECTIONS, LONGEST = 10_000, 32, 300.0


def measure(house: House, count: int = PEOPLE) -> None:
    """Signed webhooks over `CONNECTIONS` connections, each the next when its last one is durable. Signatures are good for five minutes."""
    people = house.people(count)
    requests = [house.teller.request(one) for one in events(people, house.next_version())]
    house.provider.forget()
    began = time.time()
    sent = house.tell(in_turn(house.stack.api, requests, connections=CONNECTIONS))
    if wrong := {status: times for status, times in sent.statuses.items() if status // 100 != 2}:
        raise SystemExit(f"push_10k: events were not acknowledged: {wrong}")
    told = time.time() - began
    house.quiet(LONGEST)
    calls = house.provider.calls()
    lost, doubled = missed(calls, (one.openid for one in people))
    last = max((one.at for one in calls), default=began)
    progress(f"  {count} 个事件 {told:.1f} 秒送达，最后一条推送在第 {last - began:.1f} 秒")
    about = f"{count} signed webhooks for as many persons, {CONNECTIONS} connections, one API, one worker, from the first event to the last push"
    report("push_10k_s", last - began, "s", "lower", 60, about, count)
    report("push_10k_lost", lost, "pushes", "lower", 0, "persons of these whom no push reached", count)
    report("push_10k_doubled", doubled, "pushes", "lower", 0, "calls beyond one a person", count)


def missed(calls: Iterable[Call], openids: Iterable[str]) -> tuple[int, int]:
    """(persons without a call, calls beyond the first of each person). Every person was told of one thing."""
    times = Counter(one.openid for one in calls)
    return sum(openid not in times for openid in openids), sum(times.values()) - len(times)
