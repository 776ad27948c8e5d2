"""PDFs, read but never changed: signatures stay valid. Whatever could run, open or carry something else is refused. Runs in the child process."""

import re
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from pypdf import PdfReader
from pypdf.errors import DependencyError
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, StreamObject

from cases.file_kinds import Refusal

_END = b"%%EOF"
_TAIL = 2048  # bytes at the end in which the last mark must lie
_STEP = 1 << 20

# ISO 32000-2: 12.6.4 actions, 7.11.4 embedded files, 12.7.8 XFA, 12.5.6 annotations that carry media.
_SCRIPT = {"/JS", "/JavaScript"}
_CARRIES = {"/EmbeddedFiles", "/EF", "/RichMediaContent", "/XFA", "/AF"}
_ACTIONS = {"/JavaScript": "script", "/Launch": "script", "/ImportData": "script", "/SubmitForm": "script", "/GoToE": "carries"}
_KINDS = {"/EmbeddedFile", "/FileAttachment", "/RichMedia", "/Movie", "/Sound", "/Screen", "/3D"}
_RAW = re.compile(rb"/(?:JavaScript|Launch|EmbeddedFiles?|RichMedia)\b")  # long enough not to come about by chance in compressed data
_LONGEST_RAW = 16
_DEEPEST = 400_000  # nodes looked at in one object


def look(source: IO[bytes], most_pages: int) -> int:
    """How many pages it has. Raises Refusal."""
    _ends_where_it_says(source)
    try:
        reader = PdfReader(source)
        if reader.is_encrypted:
            raise Refusal("locked")
        tree: Any = reader.root_object["/Pages"]
        declared = tree["/Count"]
        if not isinstance(declared, int) or declared > most_pages:  # before the tree is walked
            raise Refusal("pages")
        pages = len(reader.pages)
    except Refusal:
        raise
    except DependencyError:
        raise Refusal("locked") from None  # it asks for a cipher
    except Exception as exc:  # a broken PDF raises anything
        raise Refusal("damaged_pdf") from exc
    if not 0 < pages <= most_pages:
        raise Refusal("pages" if pages else "damaged_pdf")
    _only_paper(reader)
    _raw_names(source)
    return pages


def _ends_where_it_says(source: IO[bytes]) -> None:
    """Nothing before the header, nothing but white space behind the last end mark, and no archive that shares the file."""
    source.seek(0, 2)
    source.seek(max(0, source.tell() - _TAIL))
    before, mark, behind = source.read().rpartition(_END)
    if not mark and not before:
        raise Refusal("damaged_pdf" if b"<" not in behind and b"PK" not in behind else "two_in_one")
    if behind.strip(b"\r\n\t \0\x0c\x1a"):
        raise Refusal("two_in_one")
    if zipfile.is_zipfile(source):
        raise Refusal("two_in_one")
    source.seek(0)


def _only_paper(reader: PdfReader) -> None:
    """Every object in the file's tables, reachable or not. One that cannot be read cannot be run either."""
    _inspect(reader.trailer)
    plain = [(number, generation) for generation, entries in reader.xref.items() for number in entries]
    for number, generation in plain + [(number, 0) for number in reader.xref_objStm]:
        try:
            found = IndirectObject(number, generation, reader).get_object()
        except Exception:  # noqa: S112 - the raw bytes are looked at as well
            continue
        _inspect(found)
        if isinstance(found, StreamObject):
            reader.resolved_objects.pop((generation, number), None)  # else every picture of the file gathers here


def _inspect(top: Any) -> None:
    for node in _dictionaries(top):
        keys, action = set(node), _name(node, "/S")
        if keys & _SCRIPT or _ACTIONS.get(action) == "script":
            raise Refusal("script")
        if keys & _CARRIES or _ACTIONS.get(action) == "carries" or {_name(node, "/Type"), _name(node, "/Subtype")} & _KINDS:
            raise Refusal("carries")


def _name(node: DictionaryObject, key: str) -> str:
    """The value where it is a name, also by reference; else nothing."""
    value = node.raw_get(key) if key in node else None
    if isinstance(value, IndirectObject):
        try:
            value = value.get_object()
        except Exception:
            return ""
    return value if isinstance(value, NameObject) else ""


def _dictionaries(top: Any) -> Iterator[DictionaryObject]:
    """The object's own dictionaries, without following references: those are objects of their own."""
    waiting, seen = [top], 0
    while waiting:
        node = waiting.pop()
        seen += 1
        if seen > _DEEPEST:
            raise Refusal("complicated")
        if isinstance(node, DictionaryObject):
            yield node
            waiting += [node.raw_get(key) for key in node]
        elif isinstance(node, ArrayObject):
            waiting += list(node)


def _raw_names(source: IO[bytes]) -> None:
    """Readers differ in what they find in a broken file; these names may stand nowhere in it."""
    source.seek(0)
    kept = b""
    while piece := source.read(_STEP):
        if (found := _RAW.search(kept + piece)) is not None:
            raise Refusal("carries" if b"Embedded" in found[0] or b"Rich" in found[0] else "script")
        kept = piece[-_LONGEST_RAW:]
