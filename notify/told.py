"""One thing somebody is told: the words for the inbox, and the fields every channel makes its own of."""

from collections.abc import Mapping
from dataclasses import dataclass

from notify.kinds import KINDS, Value


@dataclass(frozen=True, slots=True)
class Told:
    """`kind` is a key of KINDS and `fields` are exactly that kind's. `page`: where a tap leads, of our own making. `text`: see `values.plain`."""

    kind: str
    text: str
    fields: Mapping[str, Value]
    page: str
    case_no: str | None = None
    broadcast_id: str | None = None

    def __post_init__(self) -> None:
        if set(self.fields) != set(KINDS[self.kind].fields):
            raise ValueError(f"{self.kind} has other fields")
