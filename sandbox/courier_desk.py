"""The couriers' desk: where a person, a test or a demo plays the courier on the road, and makes its pushes come twice, late, wrong or not at all."""

import random
import re
from typing import Any, Protocol

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.courier_parcels import COURIERS, ENDED, KINDS, Parcels
from sandbox.courier_pushes import Push, Pushes
from sandbox.moments import moment

Json = dict[str, Any]
WAYS = ("once", "never", "forged", "claimed")
MOST_TIMES, SHOWN = 20, 100
_WAYBILL = re.compile(r"[0-9A-Za-z-]{6,32}")


class Courier(Protocol):
    name: str

    def push(self, parcel: Json, scans: list[Json]) -> Push | None: ...


class Desk:
    def __init__(self, parcels: Parcels, pushes: Pushes, couriers: dict[str, Courier]) -> None:
        self._parcels, self._pushes, self._couriers = parcels, pushes, couriers

    async def scan(self, request: Request, courier: str, no: str) -> HTTPResponse:
        """World control: POST /world/couriers/{sf|ems|kuaidi100}/parcels/{no}/scans {kind, times?, shuffle?, as?, text?, place?, at?}

        `no` is a waybill or the sender's order number; kuaidi100 learns of a waybill by its first scan. `kind` is one or a list of collect, transit,
        deliver, pickup_point, exception, reject, return, returned, lose, sign. `times`: each push that often; `shuffle`: the pushes in any order.
        `as`: once, never (no push: only who asks finds it), forged (nothing happened, and the push is not the courier's), claimed (nothing happened, yet
        the courier's own push says so). `at`: a time with its zone.
        """
        asked = body_of(request)
        kinds: Any = [asked["kind"]] if isinstance(asked.get("kind"), str) else asked.get("kind")
        if courier not in COURIERS:
            return refused(404, "unknown_courier", f"没有这家快递，可用：{'、'.join(COURIERS)}")
        if wrong := _problems(asked, kinds):
            return refused(422, "bad_scan", "不能这样扫描", wrong)
        parcel = self._parcels.named(courier, no)
        if parcel is None and courier == "kuaidi100" and _WAYBILL.fullmatch(no):
            parcel = self._parcels.anywhere(no) or self._parcels.brought(courier, no)
        if parcel is None:
            return refused(404, "unknown_parcel", "没有这个快件")
        if parcel["state"] in ENDED:
            return refused(409, "parcel_ended", "快件已经到头，不能再扫描")
        return self._scanned(parcel, kinds, asked)

    async def overview(self, request: Request) -> HTTPResponse:
        """World control: GET /world/couriers: parcels, the newest first."""
        return json({"parcels": [_shown(one) for one in self._parcels.newest(SHOWN)], "kinds": list(KINDS)})

    def _scanned(self, parcel: Json, kinds: list[str], asked: Json) -> HTTPResponse:
        how = asked.get("as", "once")
        about = {"text": asked.get("text"), "place": asked.get("place"), "at": _seconds(asked.get("at"))}
        scans, pushes = [], []
        for kind in kinds:
            if how in ("once", "never"):
                parcel, scan = self._parcels.scan(parcel, kind, about)
                told = parcel
            else:  # whoever tells it believes it; the courier's own books know nothing of it
                scan = self._parcels.drafted(parcel, kind, about)
                told = {**parcel, "scans": [*parcel["scans"], scan], "state": KINDS[kind]}
            scans.append(scan)
            pushes += [] if how == "never" else self._made(told, scan)
        if asked.get("shuffle"):
            random.shuffle(pushes)
        for push in pushes:
            if how == "forged":
                self._pushes.forge(push)
            else:
                self._pushes.send(push, int(asked.get("times", 1)))
        return json({"parcel": _shown(parcel), "scans": scans, "pushes": len(pushes)})

    def _made(self, parcel: Json, scan: Json) -> list[Push]:
        """By whoever carries it, and by who only tracks where somebody asked for it."""
        tellers = dict.fromkeys((parcel["courier"], "kuaidi100"))
        return [push for name in tellers if (push := self._couriers[name].push(parcel, [scan])) is not None]


def _problems(asked: Json, kinds: Any) -> list[str]:
    wrong = []
    if not isinstance(kinds, list) or not 0 < len(kinds) <= MOST_TIMES or any(kind not in KINDS for kind in kinds):
        wrong.append(f"kind 应为其中一个或几个：{'、'.join(KINDS)}")
    elif any(KINDS[kind] in ENDED for kind in kinds[:-1]):
        wrong.append("sign、returned、lose 之后不能再扫描")
    if asked.get("as", "once") not in WAYS:
        wrong.append(f"as 应为其中一个：{'、'.join(WAYS)}")
    times = asked.get("times", 1)
    if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= MOST_TIMES:
        wrong.append(f"times 应为 1 到 {MOST_TIMES} 的整数")
    if not isinstance(asked.get("shuffle", False), bool):
        wrong.append("shuffle 应为 true 或 false")
    if asked.get("at") is not None and moment(asked["at"]) is None:
        wrong.append("at 应为带时区的时间，如 2026-11-30T18:00:00+08:00")
    wrong += [f"{name} 应为 1 到 200 个字" for name in ("text", "place") if asked.get(name) is not None and not _is_line(asked[name])]
    return wrong


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 200


def _seconds(value: Any) -> float | None:
    at = moment(value)
    return None if at is None else int(at.timestamp())


def _shown(parcel: Json) -> Json:
    about = {name: parcel[name] for name in ("courier", "waybill", "order_no", "state", "payer", "goods", "scans")}
    ends = {end: {name: parcel[end].get(name, "") for name in ("name", "city", "county")} for end in ("sender", "receiver")}
    return {**about, **ends, "ended": parcel["state"] in ENDED}
