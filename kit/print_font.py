"""The Chinese font of what is printed: Noto Sans SC (SIL OFL), cut down to the characters of one document.

Reading the 8 MB file costs more than 100 ms of CPU and 20 MB of garbage each time; so characters once cut out are kept for the next documents.
"""

import io
import threading
import unicodedata
from functools import cache
from pathlib import Path

import pylopdf_fonts_zh_cn
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.fonts import TTFFont

NAME = "print"
MARK = "〓"  # what Chinese printers set where a character is missing from the case
_MOST = 800  # characters kept: the more there are, the longer the next new one takes (0.3 s at 800)
_UNUSED = ("GSUB", "GPOS", "GDEF", "BASE", "VORG", "vhea", "vmtx", "DSIG")  # layout and vertical writing
_INVISIBLE = {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}  # variation selectors, as old systems append them to names


class Case:
    """A typesetter's case: the characters used so far, as a small font. One per process, used by many threads."""

    def __init__(self, full: Path, most: int = _MOST) -> None:
        self._full, self._most = full, most
        with TTFont(full, lazy=True) as font:
            self._all = frozenset(font.getBestCmap())
        self._lock = threading.Lock()
        self._kept: tuple[frozenset[int], bytes] = (frozenset(), b"")

    @property
    def kept(self) -> int:
        return len(self._kept[0])

    def font(self, text: str) -> bytes:
        """An OpenType font of exactly these characters: the same bytes whatever was cut before. One thread at a time."""
        wanted = frozenset(map(ord, text)) & self._all
        with self._lock:
            chars, kept = self._kept
            if not wanted <= chars:
                chars = wanted | (chars if len(chars) < self._most else frozenset())
                kept = _cut(self._full.read_bytes(), chars)
                self._kept = (chars, kept)
            return _cut(kept, wanted)

    def shown(self, text: str) -> tuple[str, list[str]]:
        """One line that can be printed: no control or direction characters, and `MARK` for each of the returned missing ones."""
        line, missing = list[str](), list[str]()
        for char in text:
            kind = unicodedata.category(char)
            if kind in ("Cc", "Zl", "Zp"):
                line.append(" ")
            elif kind == "Cf" or ord(char) in _INVISIBLE:
                continue
            elif ord(char) in self._all:
                line.append(char)
            else:
                line.append(MARK)
                missing.append(char)
        return " ".join("".join(line).split()), missing


@cache
def case() -> Case:
    return Case(pylopdf_fonts_zh_cn.sans_path())


def add_to(pdf: FPDF, font: bytes) -> None:
    """FPDF.add_font takes a path only; this does what it does, from memory."""
    face = TTFFont(pdf, io.BytesIO(font), NAME, "")  # type: ignore[arg-type]  # fontTools reads any file
    face.ttfont.recalcBBoxes = False  # saves a third of the work; the boxes of the whole font hold for its parts
    pdf.fonts[NAME] = face


def _cut(font: bytes, chars: frozenset[int]) -> bytes:
    """A font with these characters only. The source is read lazily: unused outlines are never parsed."""
    options = Options(notdef_outline=True, layout_closure=False)
    out = io.BytesIO()
    with TTFont(io.BytesIO(font), lazy=True, recalcTimestamp=False, recalcBBoxes=False) as parsed:
        for table in _UNUSED:
            if table in parsed:
                del parsed[table]
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=chars)
        subsetter.subset(parsed)
        parsed.save(out)
        parsed.tables.clear()  # they point at each other: 20 MB would wait for the collector
    return out.getvalue()
