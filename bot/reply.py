"""What the assistant says and what it remembers: the shapes that travel between the API, Rasa and our actions."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Part = Literal["materials", "fee", "time_limit", "location", "process", "conditions", "progress", "contact", "visits", "delivery", "overview"]
Lookup = Literal["progress", "bills", "human"]
Kind = Literal["answer", "candidate", "progress", "bill"]

LONGEST = 300  # characters of a reply
MOST_OFFERED = 5


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Card(_Shape):
    """What a reply rests on. `item_version`: the version every fact of the text was read from; `as_of`: when the core last confirmed it."""

    kind: Kind
    item_code: str | None
    item_version: int | None
    part: Part
    as_of: str | None
    name: str
    case_no: str | None = None


class Button(_Shape):
    """`text` is what the client sends as the resident's next message when it is tapped.

    `action`: a page the client opens instead, if it knows it. complaint: the form of POST /v1/complaints, with this conversation.
    """

    title: str
    text: str
    item_code: str | None = None
    action: Literal["complaint"] | None = None


class Reply(_Shape):
    text: str
    cards: tuple[Card, ...] = ()
    buttons: tuple[Button, ...] = ()


class Offer(_Shape):
    """What choosing a button means: an item, a region, an option of a situation, a part; whatever is set."""

    text: str
    item: str | None = None
    region: str | None = None
    option: str | None = None
    part: Part | None = None


class Memory(_Shape):
    """Of one conversation. `part`: the last ask, which a chosen item is answered with; `region_asked`: it is asked once."""

    item: str | None = None
    region: str | None = None
    part: Part | None = None
    options: tuple[str, ...] = ()
    offers: tuple[Offer, ...] = ()
    region_asked: bool = False
    confused: int = 0  # turns in a row that were not understood


class Said(_Shape):
    """One answer. `lookup`: something only the signed-in resident's own request may look up; `miss`: why this did not help."""

    reply: Reply
    memory: Memory = Field(default_factory=Memory)
    intent: str = "nlu_fallback"
    lookup: Lookup | None = None
    miss: str | None = None
