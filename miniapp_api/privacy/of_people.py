"""What is held of who people are: accounts, the person behind them, sessions, and what they allowed whom."""

from collections.abc import Mapping

from kit.crypto import Keyring
from miniapp_api.privacy.held import Held, Kept, Part, Row, Stays, Whose, of_addresses, of_person, of_residents, shown
from residents.masks import masked_name

NOBODY = "（已注销）"
CIVIL = "民法典第一百八十八条（诉讼时效三年）"
PROOF = f"个人信息保护法第六十九条（由处理者举证）、{CIVIL}"
THREE_YEARS = 3 * 365
_ACCOUNT = Stays("owner", "账号存在期间（个人信息保护法第十九条）")


def _grant_given(row: Row, keys: Keyring, _: Whose) -> Row:
    """The other's name is the other's: masked, as the mini-program shows it."""
    name = masked_name(keys.open(row["agent_name"], f"grants/agent_name/{row['_id']}"))
    return {"given_to": name, **shown("purposes", "until", "state", "created_at", "accepted_at", "ended_at")(row, keys, _)}


def _session(row: Row, keys: Keyring, _: Whose) -> Row:
    subject = {"acts_for": row["subject"]["as"]} if row.get("subject") else {}
    return shown("channel", "created_at", "expires_at", "stepped_up_at")(row, keys, _) | subject


def _grants_received(whose: Whose) -> Row | None:
    mine = [{"agent_person_id": whose.person_id}] if whose.person_id is not None else []
    mine += [{"agent_index": whose.id_index}] if whose.id_index is not None else []
    return {"$or": mine} if mine else None


def _policy_consents(whose: Whose) -> Row | None:
    """What was agreed to before anybody stood behind the account is the account's."""
    mine: list[Row] = [{"person_id": None, "resident_id": {"$in": list(whose.resident_ids)}}]
    return {"$or": [*mine, {"person_id": whose.person_id}] if whose.person_id is not None else mine}


_GRANT = ("purposes", "until", "state", "created_at", "accepted_at", "ended_at", "giver_person_id", "agent_person_id", "ended_by")
_GRANT_KEPT = Kept(
    fields=_GRANT,
    ids=("giver_person_id", "agent_person_id", "ended_by"),
    sealed={"agent_name": ("grants/agent_name/{}", NOBODY)},
    then=lambda _: {"agent_index": "-"},
)
_CONSENT = ("channel", "purpose", "version", "text_hash", "about", "at", "withdrawn_at")

OF_PEOPLE: Mapping[str, Held] = {
    "identities": Held(
        "identity",
        "微信、支付宝账号",
        _ACCOUNT,
        (Part(of_residents(), shown("channel", "created_at", "seen_at", account="identities/account/{}"), "delete"),),
    ),
    "residents": Held(
        "contact",
        "账号和联系手机",
        _ACCOUNT,
        (Part(of_residents("_id"), shown("_id", "created_at", "bound_at", "phone_at", "cooling_until", phone="residents/phone/{}"), "delete"),),
    ),
    "persons": Held(
        "identity",
        "实名信息",
        _ACCOUNT,
        (Part(of_person("_id"), shown("confirmed_at", name="persons/name/{}", id_number="persons/id_number/{}"), "delete"),),
    ),
    "sessions": Held(
        "technical",
        "登录",
        Stays("index", "登录最长 7 天", 0, "expires_at"),
        (Part(of_residents(), _session, "delete"),),
    ),
    "challenges": Held(
        "identity",
        "本人确认（实名、关联、再次确认）",
        Stays("index", "确认过期之后一天", 0, "forget_at"),
        (Part(of_residents(), shown("kind", "state", "expires_at"), "delete"),),
        why="导出里不含当时填写的姓名和号码：可能是填错的别人的；本人的在实名信息里。自助终端上发起的按终端存放，一天后自行删除",
    ),
    "identity_tries": Held(
        "technical", "认证、关联码试了几次", Stays("index", "两小时", 0, "forget_at"), why="只有密钥摘要和次数，认不出人，两小时后自行删除"
    ),
    "link_codes": Held(
        "identity", "关联码（只有摘要）", Stays("index", "十分钟", 0, "expires_at"), (Part(of_residents(), shown("expires_at"), "delete"),)
    ),
    "preferences": Held(
        "contact",
        "提醒方式和不再推荐的事项",
        _ACCOUNT,
        (Part(of_addresses("_id"), shown("channels", "quiet_hours", "kinds_off", "recommendations", "recommendations_off", "at"), "delete"),),
    ),
    "policy_consents": Held(
        "consent",
        "对隐私政策等的同意记录",
        Stays("job", PROOF, THREE_YEARS, "pseudonymised_at"),
        (
            Part(_policy_consents, shown(*_CONSENT), Kept(fields=_CONSENT, ids=("person_id", "resident_id", "about"))),
            Part(lambda whose: {"about": whose.subject_key} if whose.subject_key else None, None, Kept(fields=None, ids=("about",), mine=False)),
        ),
        why="监护人替本人作出的同意属于监护人，不在本人的导出里",
    ),
    "grants": Held(
        "consent",
        "代办授权",
        Stays("job", CIVIL, THREE_YEARS, "until"),
        (
            Part(of_person("giver_person_id"), _grant_given, _GRANT_KEPT),
            Part(_grants_received, shown("purposes", "until", "state", "accepted_at"), _GRANT_KEPT),
        ),
    ),
    "kiosks": Held("staff", "自助终端设备和密钥", Stays("hand", "设备使用期间"), why="是设备，不是人"),
    "kiosk_nonces": Held("technical", "自助终端用过的一次性数", Stays("index", "十五分钟", 0, "forget_at"), why="是设备，不是人"),
}
