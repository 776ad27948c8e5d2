"""bm25s over jieba's words, its defaults."""

import bm25s

from bench.search.engine import Answer, Engine, Item
from bench.search.words import cut, item_words


class Bm25sJieba:
    def __init__(self, items: list[Item]) -> None:
        self._codes = [item["code"] for item in items]
        self._bm25 = bm25s.BM25()
        self._bm25.index([item_words(item) for item in items], show_progress=False)

    def find(self, text: str, limit: int) -> Answer:
        words = cut(text)
        if not words:
            return Answer([], sure=False)
        places, scores = self._bm25.retrieve([words], k=min(limit, len(self._codes)), show_progress=False)
        codes = [self._codes[place] for place, score in zip(places[0], scores[0], strict=True) if score > 0]
        return Answer(codes, sure=bool(codes))

    def close(self) -> None:
        """Nothing to give back."""


def build(items: list[Item]) -> Engine:
    return Bm25sJieba(items)
