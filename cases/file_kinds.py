"""What a file is, told by its first bytes. A name or a declared type is never believed."""

from typing import Literal

Kind = Literal["jpeg", "png", "pdf", "ofd"]
MEDIA: dict[Kind, tuple[str, str]] = {  # media type, ending
    "jpeg": ("image/jpeg", ".jpg"),
    "png": ("image/png", ".png"),
    "pdf": ("application/pdf", ".pdf"),
    "ofd": ("application/ofd", ".ofd"),
}
HEAD = 16  # bytes it takes to tell

_STARTS: dict[bytes, Kind] = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png", b"%PDF-": "pdf", b"PK\x03\x04": "ofd"}


class Refusal(Exception):
    """Why a file is not taken: a word of ours, the key of a sentence in cases/file_check.py."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DiskFull(Exception):
    """Nothing is wrong with the file; there is no room to look at it."""


def kind_of(head: bytes) -> Kind:
    """Of at least HEAD bytes, fewer where the file has fewer. Raises Refusal. A zip is "ofd" here until it is opened."""
    for start, kind in _STARTS.items():
        if head.startswith(start):
            return kind
    if not head:
        raise Refusal("empty")
    brand = head[8:12]
    if head[4:8] == b"ftyp" and brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif"):
        raise Refusal("heic")
    if head.startswith((b"GIF8", b"BM", b"II*\0", b"MM\0*")) or (head.startswith(b"RIFF") and brand == b"WEBP"):
        raise Refusal("other_picture")
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise Refusal("office")
    raise Refusal("type")
