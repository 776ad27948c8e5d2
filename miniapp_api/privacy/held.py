"""What one collection holds of people: how theirs is found in it, what they are shown of it, what deleting an account does to it, how long it stays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from kit.clock import now
from kit.crypto import Keyring

Kind = Literal["identity", "contact", "case", "money", "message", "conversation", "file", "consent", "staff", "technical", "public"]
KINDS: Mapping[Kind, str] = {
    "identity": "身份",
    "contact": "联系方式",
    "case": "办件",
    "money": "缴费",
    "message": "消息",
    "conversation": "咨询",
    "file": "文件",
    "consent": "同意和授权",
    "staff": "工作人员",
    "technical": "技术记录",
    "public": "公开信息",
}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Whose:
    """By what one person's rows are found: ids and blind digests, nothing that says who it is.

    `since`: an account that belonged to somebody else before is theirs from this moment on. `senders`: digests of WeChat senders. `cases`: request ids.
    """

    person_id: str | None
    resident_ids: tuple[str, ...]
    id_index: str | None = None
    senders: tuple[str, ...] = ()
    since: Mapping[str, datetime] = field(default_factory=dict)
    cases: tuple[str, ...] = ()

    @property
    def subject_key(self) -> str | None:
        return f"person:{self.person_id}" if self.person_id is not None else None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Whose inbox, preferences, exports."""
        own = tuple(f"resident:{one}" for one in self.resident_ids)
        return own if self.person_id is None else (self.person_id, *own)

    @property
    def owners(self) -> tuple[str, ...]:
        """Whose files."""
        own = tuple(f"resident:{one}" for one in self.resident_ids)
        return own if self.subject_key is None else (self.subject_key, *own)

    def to_row(self) -> Row:
        return {
            "person_id": self.person_id,
            "resident_ids": list(self.resident_ids),
            "id_index": self.id_index,
            "senders": list(self.senders),
            "since": [{"resident_id": one, "at": at} for one, at in self.since.items()],
            "cases": list(self.cases),
        }

    @classmethod
    def of_row(cls, row: Row) -> "Whose":
        since = {one["resident_id"]: one["at"] for one in row["since"]}
        return cls(row["person_id"], tuple(row["resident_ids"]), row["id_index"], tuple(row["senders"]), since, tuple(row["cases"]))


Find = Callable[[Whose], Row | None]  # a query of Mongo; None: this person can have nothing there
Show = Callable[[Row, Keyring, Whose], Row]


@dataclass(frozen=True, slots=True)
class Kept:
    """What the law wants kept, without who it was. Whatever is not named here goes.

    `fields` None: all of them stay. `ids`: where an id of the person becomes the pseudonym. `sealed`: field -> (place, what stands there from now on,
    or what makes it from what stood there), because readers open it. `then`: what else changes. `mine` False: the row is about somebody else, the
    person only acted in it.
    """

    fields: tuple[str, ...] | None
    ids: tuple[str, ...] = ()
    mine: bool = True
    sealed: Mapping[str, tuple[str, str | Callable[[str], str]]] = field(default_factory=dict)
    then: Callable[[Row], Row] | None = None


Erase = Kept | Literal["delete"]


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that are treated alike. `shows` None: nothing of them is exported, and the collection's `why` says why. `erase` None: nothing in them is personal."""

    find: Find
    shows: Show | None
    erase: Erase | None


@dataclass(frozen=True, slots=True)
class Stays:
    """How long. `by`: "index" (the database), "job" (forget_what_is_due), "owner" (until what it belongs to goes), "hand" (nothing deletes it).

    `days` from the date in `since`, or from `or_since` where a row has none; None: no fixed time. `which`: of what rows the job may take. `ground`: the
    law, or the reason.
    """

    by: Literal["index", "job", "owner", "hand"]
    ground: str
    days: float | None = None
    since: str = ""
    or_since: str = ""
    which: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """`what` and `why` are read by residents and operators. No parts: nobody can be found in it, and `why` says how that can be."""

    kind: Kind
    what: str
    stays: Stays
    parts: tuple[Part, ...] = ()
    why: str = ""


def shown(*fields: str, **sealed: str) -> Show:
    """These fields as they are; `sealed`: field -> its place, where {} is the row's id, opened."""

    def show(row: Row, keys: Keyring, _: Whose) -> Row:
        told = {name: row[name] for name in fields if row.get(name) is not None}
        return told | {name: keys.open(row[name], place.format(row["_id"])) for name, place in sealed.items() if row.get(name)}

    return show


def of_person(name: str = "person_id") -> Find:
    return lambda whose: {name: whose.person_id} if whose.person_id is not None else None


def of_residents(name: str = "resident_id", at: str | None = None) -> Find:
    """`at`: the row's date, where an account may have been another's before."""

    def find(whose: Whose) -> Row | None:
        if not whose.resident_ids:
            return None
        mine = [{name: one} | ({at: {"$gt": whose.since[one]}} if at and one in whose.since else {}) for one in whose.resident_ids]
        return {"$or": mine}

    return find


def of_addresses(name: str) -> Find:
    return lambda whose: {name: {"$in": list(whose.addresses)}}


def pseudonym_in(row: Row, kept: Kept, whose: Whose, pseudonym: str, keys: Keyring) -> Row:
    """The row as it stays. Ids of others in the same fields are left alone."""
    mine = {one: pseudonym for one in (whose.person_id, *whose.resident_ids) if one is not None}
    mine |= dict.fromkeys(whose.owners, f"person:{pseudonym}")
    left = dict(row) if kept.fields is None else {name: row[name] for name in ("_id", *kept.fields, *kept.ids) if name in row}
    for name in kept.ids:
        if left.get(name) in mine:
            left[name] = mine[left[name]]
    for name, (place, says) in kept.sealed.items():
        if name in row:
            own = place.format(row["_id"])
            left[name] = keys.seal(says if isinstance(says, str) else says(keys.open(row[name], own)), own)
    left |= kept.then(row) if kept.then is not None else {}
    return left | ({"pseudonymised_at": now()} if kept.mine else {})
