"""OFD (GB/T 33190): a zip with OFD.xml at its root. Opened with bounds, kept as it is. Runs in the child process."""

import re
import zipfile
from pathlib import PurePosixPath
from typing import IO
from xml.parsers import expat

from cases.file_kinds import Refusal

MOST_MEMBERS, MOST_BYTES, MOST_RATIO = 5000, 200 * 1024 * 1024, 200  # a scan of 200 pages has some 1,000 members and does not compress
_RATIO_FROM = 1024 * 1024  # small members of repeated XML compress beyond any ratio and harm nobody
_STEP = 64 * 1024
_END_RECORD = 22  # bytes, without a comment
_XML_LARGEST = 8 * 1024 * 1024
_OTHERS = re.compile(
    rb"PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b|MZ|\x7fELF|#!|%PDF-|\xd0\xcf\x11\xe0|\s*(?:<!doctype|<html|<script|<svg|<\?php)", re.IGNORECASE
)


def look(source: IO[bytes], most_pages: int) -> int:
    """How many pages its documents have together. Raises Refusal."""
    try:
        with zipfile.ZipFile(source) as package:
            members = {one.filename: one for one in package.infolist()}
            if "OFD.xml" not in members:
                raise Refusal("archive")
            _bounded(source, package)
            for one in package.infolist():
                _read_through(package, one)
            pages = sum(_pages(package, members, place) for place in _places(_xml(package, members, "OFD.xml")))
    except Refusal:
        raise
    except Exception as exc:  # zipfile and zlib raise what they like for a broken archive
        raise Refusal("damaged_ofd") from exc
    if not 0 < pages <= most_pages:
        raise Refusal("pages" if pages else "damaged_ofd")
    return pages


def _bounded(source: IO[bytes], package: zipfile.ZipFile) -> None:
    """Before anything is unpacked: what the directory says, and that it is the only thing in the file."""
    members = package.infolist()
    size = source.seek(0, 2)
    if package.comment or min(one.header_offset for one in members) != 0:
        raise Refusal("two_in_one")
    source.seek(size - _END_RECORD)
    if source.read(4) != b"PK\x05\x06":
        raise Refusal("two_in_one")
    if len(members) > MOST_MEMBERS or sum(one.file_size for one in members) > MOST_BYTES:
        raise Refusal("bomb")
    if len({one.filename for one in members}) != len(members):
        raise Refusal("damaged_ofd")
    for one in members:
        name = one.orig_filename
        strange = "\0" in name or "\\" in name or name.startswith("/") or ":" in name or ".." in PurePosixPath(name).parts
        if strange or (one.external_attr >> 28) == 0xA:  # a symbolic link
            raise Refusal("names")
        if one.flag_bits & 0x1:
            raise Refusal("locked")
        if one.file_size > _RATIO_FROM and one.file_size > MOST_RATIO * max(1, one.compress_size):
            raise Refusal("bomb")


def _read_through(package: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """To the end, which checks its sum; the directory's sizes may lie, and then it is more or less than that."""
    read = 0
    with package.open(member) as stream:
        while piece := stream.read(_STEP):
            if read == 0 and _OTHERS.match(piece):
                raise Refusal("carries")
            read += len(piece)
            if read > member.file_size:
                raise Refusal("bomb")


def _pages(package: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], place: str) -> int:
    """A document's own list of its pages."""
    return sum(name == "Page" for name, _ in _xml(package, members, place))


def _places(root: list[tuple[str, str]]) -> list[str]:
    """Paths of the documents that OFD.xml names; they may begin with a slash."""
    if not root or root[0][0] != "OFD":
        raise Refusal("damaged_ofd")
    return [text.strip().lstrip("/") for name, text in root if name == "DocRoot"]


def _xml(package: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], place: str) -> list[tuple[str, str]]:
    """(name without namespace, text) of every element in document order. No document types: there entities hide."""
    member = members.get(place)
    if member is None or member.file_size > _XML_LARGEST:
        raise Refusal("damaged_ofd")
    found: list[tuple[str, str]] = []
    opened: list[int] = []

    def start(name: str, _: dict[str, str]) -> None:
        opened.append(len(found))
        found.append((name.rpartition(":")[2], ""))

    def end(_: str) -> None:
        opened.pop()

    def text(more: str) -> None:
        if opened and len(found[opened[-1]][1]) < 1000:
            name, before = found[opened[-1]]
            found[opened[-1]] = (name, before + more)

    def doctype(*_: object) -> None:
        raise Refusal("damaged_ofd")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, doctype
    parser.Parse(package.read(member), True)
    return found
