"""What a resident is stays out of every log, and out of every answer to somebody else."""

from pathlib import Path

from kit.mongo import connect
from miniapp_api.stack import Stack
from tests.api.house import House, make_resident, until


async def test_no_log_line_holds_a_name_number_phone_token_or_code(house: House, stack: Stack) -> None:
    resident = await make_resident(house)
    await resident.consent()
    code = (await house.world("POST", "/world/wechat/codes", {"person": resident.person["person"], "kind": "phone"}))["code"]
    await resident.api("POST", "/v1/me/phone", {"channel": "wechat", "code": code})
    await resident.api("POST", "/v1/me/real-name", {"name": resident.person["name"], "id_number": resident.person["id_number"]})
    case_no = await resident.case()
    await house.move(case_no, "accepted")
    await until(resident.inbox)
    await house.faults(core={"down": True}, wechat={"down": True})
    await resident.submit((await resident.draft())["id"])
    await house.api("POST", "/v1/login/wechat", {"code": code})
    await house.faults(core={}, wechat={})
    accounts = await house.world("GET", "/world/accounts")
    secrets = [
        resident.person["id_number"],
        resident.person["phone"],
        resident.token,
        code,
        accounts["wechat"]["secret"],
        accounts["core"]["secret"],
        "session_key",
    ]
    logs = {name: Path(stack.data / "logs" / f"{name}.log").read_text() for name in ("api", "worker")}
    assert all(logs.values())
    found = [(name, secret[:6]) for name, text in logs.items() for secret in secrets if secret in text]
    assert found == []
    assert resident.person["name"] not in logs["api"] + logs["worker"]


async def test_what_is_stored_shows_no_name_number_or_phone(house: House, stack: Stack) -> None:
    """A dump of the database is unreadable without the keys."""
    resident = await make_resident(house)
    await resident.case()
    mongo = connect(stack.env["MONGO_URL"], stack.env["ZHANGBAN_MONGO_DATABASE"])
    dump = ""
    for name in await mongo.database.list_collection_names():
        async for row in mongo[name].find({}):
            dump += repr(row)
    await mongo.close()
    assert resident.person["name"] not in dump
    assert resident.person["id_number"] not in dump and resident.person["phone"] not in dump and resident.token not in dump
