"""The text that every peer indexes, and plain jieba over it."""

import logging
from functools import cache

import jieba

from bench.search.engine import Item

jieba.setLogLevel(logging.WARNING)  # "Building prefix dict…" is no news


def fields(item: Item) -> dict[str, str]:
    """Name, other names, catalogue, department, themes, materials and conditions; lines within a field are parts of their own."""
    return {
        "name": item["name"],
        "names": "\n".join(dict.fromkeys(filter(None, [item.get("short_name"), *(item.get("everyday_names") or ())]))),
        "catalogue": item.get("catalogue_name") or "",
        "department": item["department"]["name"],
        "themes": "\n".join(item.get("themes") or ()),
        "materials": "\n".join(one["name"] for one in item.get("materials") or ()),
        "conditions": item.get("conditions") or "",
    }


def cut(text: str) -> list[str]:
    """jieba's words, lower case, without punctuation."""
    return [word for word in jieba.lcut(text.lower()) if any(map(str.isalnum, word))]


def item_words(item: Item) -> list[str]:
    """The words of all fields, name first."""
    return [word for text in fields(item).values() for word in _kept(text)]


@cache
def _kept(text: str) -> list[str]:
    """Grown catalogues repeat their texts, and jieba is what building a peer waits for. Never for questions: those are timed."""
    return cut(text)
