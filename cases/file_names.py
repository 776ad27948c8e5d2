"""A file's name as its owner may see it again: no path, nothing invisible, the ending of what it really is."""

import unicodedata
from pathlib import PurePosixPath

LONGEST = 100  # characters
_RESERVED = dict.fromkeys(map(ord, '<>:"|?*'), "_")


def tidy(given: str, ending: str) -> str:
    """`given` is what the client said, hostile or not; `ending` begins with a dot.

    Dropped: folders of either slash, control and format characters (NUL, line breaks, U+202E that writes `gpj.exe` as `exe.jpg`), unpaired surrogates.
    """
    name = given.replace("\\", "/").rpartition("/")[2]
    name = unicodedata.normalize(
        "NFC", "".join(char for char in name if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
    )
    name = " ".join(name.translate(_RESERVED).split()).strip(" .")
    stem, last = name, PurePosixPath(name).suffix
    if 1 < len(last) <= 6:
        stem = name[: -len(last)]
    stem = stem.strip(" .")[: LONGEST - len(ending)] or "文件"
    return stem + ending
