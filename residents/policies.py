"""What people agree to, by purpose and version. A text is never changed once people agreed to it: a new version is a new file, the old ones stay.

`policies/<purpose>-<version>.md`; the first line is the title.
"""

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Purpose = Literal["privacy", "sensitive", "courier", "minor"]
FOLDER = Path(__file__).parent / "policies"


@dataclass(frozen=True, slots=True)
class Policy:
    """`text_hash`: SHA-256 of the file, in hexadecimal."""

    purpose: Purpose
    version: int
    title: str
    text: str
    text_hash: str


def current(purpose: Purpose) -> Policy:
    return newest(FOLDER)[purpose]


@functools.cache
def newest(folder: Path) -> Mapping[Purpose, Policy]:
    """The newest of each purpose. Read once: a policy comes with a release."""
    found: dict[Purpose, Policy] = {}
    purposes: tuple[Purpose, ...] = ("privacy", "sensitive", "courier", "minor")
    for purpose in purposes:
        path = max(folder.glob(f"{purpose}-*.md"), key=lambda path: int(path.stem.rpartition("-")[2]))
        raw = path.read_bytes()
        text = raw.decode()
        found[purpose] = Policy(
            purpose, int(path.stem.rpartition("-")[2]), text.partition("\n")[0].lstrip("# "), text, hashlib.sha256(raw).hexdigest()
        )
    return found
