"""What is held of what people apply for and pay: drafts, cases, files, orders. What the law wants kept stays without who it was."""

from collections.abc import Mapping

import orjson

from kit.crypto import Keyring
from miniapp_api.privacy.held import Find, Held, Kept, Part, Row, Stays, Whose, of_person, of_residents, shown
from miniapp_api.privacy.of_people import CIVIL, NOBODY, THREE_YEARS

SUITS = "行政诉讼法第四十六条（五年）"
FIVE_YEARS = 5 * 365 + 1
BOOKS = "会计档案管理办法附表（会计凭证、账簿三十年）；到期移交档案，不自动删除"
MONEY = Stays("hand", BOOKS)
_ORDER_NUMBERS = "只有订单号、金额和日期；谁的，要经过支付订单才知道"
ENDED = ("issued", "rejected", "withdrawn", "refused")  # states of a case that nothing follows
_MOMENTS = ("created_at", "submitted_at", "received_at", "first_reply_at", "first_reply_due_at", "moved_at")
_DEEMED = ("deemed_accepted_at", "deemed_lapsed_at", "deemed_noted_at", "deemed_taken_back_at")
_CASE = (
    "case_no",
    "project_code",
    "item_code",
    "item_version",
    "item_name",
    "item_kind",
    "channel",
    "state",
    "version",
    "revision",
    *_MOMENTS,
    *_DEEMED,
)
_CASE_KEPT = (*_CASE, "first_reply", "first_reply_edition", "gap", "notices_again")


def owned(also: Find) -> Find:
    """Rows of the person as subject; and, from before subjects were written down or the real name was known, those `also` finds."""

    def find(whose: Whose) -> Row | None:
        earlier = also(whose)
        ways: list[Row] = [{"$and": [earlier, {"subject_key": None}]}] if earlier is not None else []
        ways += [{"subject_key": whose.subject_key}] if whose.subject_key is not None else []
        return {"$or": ways} if ways else None

    return find


def acted(whose: Whose) -> Row | None:
    """Rows of another subject (an enterprise, a ward, who gave a grant) on which the person acted."""
    if whose.person_id is None:
        return None
    return {"person_id": whose.person_id, "subject_key": {"$nin": [None, whose.subject_key]}}


def _filled_in(row: Row, keys: Keyring) -> Row:
    """`former`: answers whose field is gone from the form."""
    return {name: orjson.loads(keys.open(row[name], f"{name}/{row['_id']}")) for name in ("answers", "former") if name in row}


def _draft(row: Row, keys: Keyring, _: Whose) -> Row:
    told = shown("item_code", "item_name", "project_code", "state", "situations", "materials", "created_at", "updated_at")(row, keys, _)
    return told | _filled_in(row, keys)


def _case(row: Row, keys: Keyring, _: Whose) -> Row:
    told = shown(*_CASE, "materials", "timeline", progress_secret="cases/progress_secret/{}")(row, keys, _)  # noqa: S106 - a place, not a secret
    return told | _filled_in(row, keys)


def _act(row: Row, keys: Keyring, _: Whose) -> Row:
    told = shown("kind", "case_no", "state", "materials", "at", "done_at", reason="case_acts/reason/{}")(row, keys, _)
    return told | {"answers": orjson.loads(keys.open(row["answers"], f"case_acts/answers/{row['_id']}"))}


def _act_kept() -> Kept:
    stays = ("kind", "request_id", "case_no", "version", "state", "at", "done_at", "refusals")
    emptied = {"answers": ("case_acts/answers/{}", "{}"), "reason": ("case_acts/reason/{}", "")}
    return Kept(fields=stays, ids=("person_id", "resident_id"), sealed=emptied, then=lambda _: {"materials": [], "digest": ""})


def _stripped(row: Row) -> Row:
    """When it moved where, without what was said: a move's text and findings may name anybody."""
    moves = [{"version": one["version"], "state": one["state"], "at": one["at"]} for one in row.get("timeline") or ()]
    return {"timeline": moves, "materials": [], "rounds": []}


def _paid_oneself(whose: Whose) -> Row | None:
    if whose.person_id is None:
        return None
    return {"person_id": whose.person_id, "resident_id": {"$in": list(whose.resident_ids)}}


def _paid_by_another(whose: Whose) -> Row | None:
    """An agent or a guardian paid: the paying account is theirs."""
    if whose.person_id is None:
        return None
    return {"person_id": whose.person_id, "resident_id": {"$nin": list(whose.resident_ids)}}


def _paid_for_another(whose: Whose) -> Row:
    return {"resident_id": {"$in": list(whose.resident_ids)}, "person_id": {"$ne": whose.person_id}}


def _asked_for_another(whose: Whose) -> Row:
    return {"requested_by": {"$in": list(whose.resident_ids)}, "person_id": {"$ne": whose.person_id}}


def _order_kept(*ids: str, mine: bool = True) -> Kept:
    """`frozen` is a digest over the person's id."""
    then = (lambda _: {"frozen": ""}) if mine else None
    return Kept(fields=None, ids=ids, mine=mine, sealed={"payer": ("orders/payer/{}", NOBODY)}, then=then)


def _without_words(row: Row) -> Row:
    return {} if row.get("by_staff") else {"reason": NOBODY}


_ASKED_KEPT = Kept(fields=None, ids=("requested_by",), mine=False, then=_without_words)
_BRIEF = shown("case_no", "item_name", "state", "created_at", "submitted_at")
_ORDER = (
    *("_id", "title", "item_name", "payee", "case_no", "amount_fen", "channel", "state", "transaction_id", "refunded_fen", "e_bill"),
    *("created_at", "paid_at", "settled_at", "closed_at", "refunded_at"),
)
_REFUND = ("_id", "order_no", "payee", "amount_fen", "reason", "state", "requested_at", "approved_at", "done_at", "rejected_because")

OF_MATTERS: Mapping[str, Held] = {
    "drafts": Held(
        "case",
        "草稿",
        Stays("job", "最后一次修改之后半年（个人信息保护法第十九条）", 180, "updated_at"),
        (
            Part(owned(of_residents()), _draft, "delete"),
            Part(acted, shown("item_name", "state", "updated_at"), Kept(fields=None, ids=("person_id", "resident_id"), mine=False)),
        ),
    ),
    "cases": Held(
        "case",
        "办件",
        Stays("job", f"办结之后，{SUITS}", FIVE_YEARS, "moved_at", "created_at", {"state": {"$in": list(ENDED)}}),
        (
            Part(
                owned(of_person()),
                _case,
                Kept(
                    fields=_CASE_KEPT,
                    ids=("person_id", "resident_id", "subject_key"),
                    sealed={"answers": ("answers/{}", "{}")},
                    then=_stripped,
                ),
            ),
            Part(acted, _BRIEF, Kept(fields=None, ids=("person_id", "resident_id"), mine=False)),
        ),
    ),
    "licence_uses": Held(
        "consent",
        "允许出示证照的记录",
        Stays("job", CIVIL, THREE_YEARS, "valid_until"),
        (
            Part(
                lambda whose: {"subject_key": {"$in": list(whose.owners)}},
                shown("_id", "licence_name", "item_name", "purpose", "state", "at", "presented_at", "valid_until", code="licence_uses/code/{}"),
                Kept(
                    fields=("item_code", "item_name", "request_id", "valid_until", "state", "at", "presented_at"),
                    ids=("subject_key", "person_id", "resident_id"),
                ),
            ),
            Part(acted, shown("item_name", "purpose", "state", "at", "valid_until"), Kept(fields=None, ids=("person_id", "resident_id"), mine=False)),
        ),
    ),
    "case_acts": Held(
        "case",
        "补正和撤回",
        Stays("job", SUITS, FIVE_YEARS, "at"),
        (
            Part(lambda whose: {"request_id": {"$in": list(whose.cases)}} if whose.cases else None, _act, _act_kept()),
            Part(
                lambda whose: {"person_id": whose.person_id, "request_id": {"$nin": list(whose.cases)}} if whose.person_id else None,
                shown("kind", "case_no", "state", "at"),
                Kept(fields=None, ids=("person_id", "resident_id"), mine=False),
            ),
        ),
    ),
    "core_events": Held(
        "technical", "收到过的办件事件", Stays("job", "防止同一事件处理两次", 3 * 365, "at"), why="只有事件编号和办件编号；谁的，要经过办件才知道"
    ),
    "core_events_parked": Held(
        "case", "读不懂的办件事件（加密）", Stays("job", "等待核心平台更正", 180, "at"), why="读不懂，所以不知道是谁的；加密存放，到期删除"
    ),
    "feeds": Held("technical", "事件查到哪里", Stays("hand", "没有个人信息"), why="只有游标"),
    "progress_tries": Held("technical", "凭编号查进度的次数", Stays("index", "两小时", 0, "forget_at"), why="只有密钥摘要和次数"),
    "calendar_days": Held("public", "节假日", Stays("hand", "没有个人信息"), why="没有个人信息"),
    "files": Held(
        "file",
        "上传的文件",
        Stays("owner", "没有用到的 7 天，没有通过检查的 30 天，用到的与草稿、办件相同"),
        (
            Part(
                lambda whose: {"owner": {"$in": list(whose.owners)}},
                shown("_id", "media_type", "size", "pages", "purpose", "state", "created_at", name="files/name/{}", sha256="files/sha256/{}"),
                "delete",
            ),
            Part(
                lambda whose: {"person_id": whose.person_id, "owner": {"$nin": list(whose.owners)}} if whose.person_id else None,
                shown("_id", "media_type", "size", "created_at"),
                Kept(fields=None, ids=("person_id", "resident_id"), mine=False),
            ),
        ),
    ),
    "file_room": Held(
        "file",
        "文件用了多少空间",
        Stays("owner", "与文件相同"),
        (Part(lambda whose: {"_id": {"$in": list(whose.owners)}}, shown("bytes", "files"), "delete"),),
    ),
    "blobs.files": Held("file", "文件和导出的内容（加密）", Stays("owner", "与文件、导出相同"), why="按文件和导出的编号存放，随它们删除"),
    "blobs.chunks": Held("file", "文件和导出的内容，分块（加密）", Stays("owner", "与文件、导出相同"), why="按文件和导出的编号存放，随它们删除"),
    "orders": Held(
        "money",
        "支付订单",
        MONEY,
        (
            Part(_paid_oneself, shown(*_ORDER, payer="orders/payer/{}"), _order_kept("person_id", "resident_id")),
            Part(_paid_by_another, shown(*_ORDER), Kept(fields=None, ids=("person_id",), then=lambda _: {"frozen": ""})),
            Part(
                _paid_for_another,
                shown("_id", "amount_fen", "channel", "state", "created_at", payer="orders/payer/{}"),
                _order_kept("resident_id", mine=False),
            ),
        ),
        why="替别人付的，只列金额、状态和本人的付款账号；别人替本人付的，不列付款账号",
    ),
    "refunds": Held(
        "money",
        "退款",
        MONEY,
        (
            Part(of_person(), shown(*_REFUND), Kept(fields=None, ids=("person_id", "requested_by"), then=_without_words)),
            Part(_asked_for_another, shown("_id", "amount_fen", "reason", "state", "requested_at"), _ASKED_KEPT),
        ),
    ),
    "ledger_entries": Held("money", "账", MONEY, why=_ORDER_NUMBERS),
    "reconciliations": Held("money", "每天的对账结果", MONEY, why=_ORDER_NUMBERS),
    "discrepancies": Held("money", "对账差错", MONEY, why=_ORDER_NUMBERS),
    "payment_refusals": Held("money", "没有收的支付通知", Stays("index", "200 天", 200, "last_at"), why=_ORDER_NUMBERS),
    "bills_seen": Held(
        "money",
        "最近看到的待缴缴费单",
        Stays("index", "30 天", 30, "seen_at"),
        (Part(of_person(), lambda row, _keys, _whose: {"bill": row["bill"], "seen_at": row["seen_at"]}, "delete"),),
    ),
}
