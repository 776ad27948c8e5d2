"""Words planted by two residents, and every GET of the public API asked as each of them and as a stranger: nobody reads what is another's.

The list of routes is the app's own: a new one is asked too, and one whose path names something unknown here fails until it is told.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from miniapp_api.app import ROUTES
from miniapp_api.stack import Stack
from tests.api.house import Answer, House, Resident
from tests.api.planted import RESIDENCE, Planted, found_in, plant

GETS = sorted(route.path for route in ROUTES if route.method == "GET" and route.path.startswith("/v1/"))
_PARAMETER = re.compile(r"<(\w+)(?::\w+)?>")

# What a path names that belongs to nobody.
PUBLIC = {"code": RESIDENCE, "package_id": "open-restaurant", "publication_id": "none", "purpose": "privacy", "project_code": "none", "token": "none"}
QUERIES = {"/v1/search/suggest": "?q=居住证", "/v1/items/<code:str>/diff": "?from=1&to=1"}
SEEN_BY_OWNER = {  # where the owner finds their own word, so that this test could fail
    "/v1/drafts/<draft_id:str>": "address",
    "/v1/files/<file_id:str>": "file",
    "/v1/licences/uses": "purpose",
}


async def asked(house: House, resident: Resident | None, path: str, ids: dict[str, str]) -> Answer:
    url = path
    for name in _PARAMETER.findall(path):
        assert name in ids or name in PUBLIC, f"{path}: whose is {name}? Say so in Planted.ids or in PUBLIC"
        url = re.sub(rf"<{name}(:\w+)?>", quote({**PUBLIC, **ids}[name], safe=""), url)
    url += QUERIES.get(path, "")
    return await (house.api("GET", url) if resident is None else resident.api("GET", url))


def told(answer: Answer) -> str:
    """Body and headers."""
    return answer.body.decode(errors="replace") + repr(answer.headers)


@pytest.fixture
async def two(house: House) -> tuple[Planted, Planted]:
    one, other = await plant(house), await plant(house, "alipay")
    for planted in (one, other):
        await planted.step_up()
        planted.ids["export_id"], _ = await planted.exported()
        notice = {"findings": [{"target": "material", "name": "居民身份证", "problem": "看不清", "fix": "请重新拍照"}]}
        await planted.house.move(planted.ids["case_no"], "corrections", **notice)
        planted.ids["notice_no"] = await _notice(planted)
    return one, other


async def _notice(planted: Planted) -> str:
    from tests.api.house import until

    async def there() -> Any:
        return (await planted.resident.api("GET", f"/v1/cases/{planted.ids['case_no']}")).json["open_notice"]

    return str(await until(there))


async def test_no_get_tells_one_resident_what_is_anothers(house: House, stack: Stack, two: tuple[Planted, Planted]) -> None:
    one, other = two
    seen: dict[str, int] = {}
    for path in GETS:
        for reader, owner in ((one, one), (other, other), (one, other), (other, one)):
            answer = await asked(house, reader.resident, path, owner.ids)
            assert answer.status < 500, (path, answer.status, answer.body[:300])
            others = other if reader is one else one
            assert found_in(told(answer), others.canaries) == [], (path, answer.status)
            if reader is owner and (what := SEEN_BY_OWNER.get(path)) is not None:
                assert found_in(told(answer), {what: reader.canaries[what]}) == [what], (path, answer.body[:300])
                seen[path] = seen.get(path, 0) + 1
        for owner in two:
            stranger = await asked(house, None, path, owner.ids)
            assert stranger.status < 500 and found_in(told(stranger), {**one.canaries, **_prefixed(other.canaries)}) == [], (path, stranger.status)
    assert seen == dict.fromkeys(SEEN_BY_OWNER, 2)
    logs = {name: Path(stack.data / "logs" / f"{name}.log").read_text() for name in ("api", "worker")}
    assert all(logs.values())
    assert {name: found_in(text, {**one.canaries, **_prefixed(other.canaries)}) for name, text in logs.items()} == {"api": [], "worker": []}


async def test_what_is_anothers_does_not_exist_for_anybody_else(house: House, two: tuple[Planted, Planted]) -> None:
    """For every path that names something of a resident: the owner sees it, the other gets a refusal, a stranger is asked to log in."""
    one, other = two
    named = [path for path in GETS if any(name in one.ids for name in _PARAMETER.findall(path))]
    assert len(named) >= 8
    for path in named:
        own = await asked(house, one.resident, path, one.ids)
        assert own.status in (200, 304), (path, own.status, own.body[:300])
        refused = await asked(house, other.resident, path, one.ids)
        assert refused.status in (403, 404), (path, refused.status)
        assert (await asked(house, None, path, one.ids)).status == 401, path


def _prefixed(canaries: dict[str, str]) -> dict[str, str]:
    return {f"other's {what}": one for what, one in canaries.items()}
