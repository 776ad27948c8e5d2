"""Whoosh with jieba's own ChineseAnalyzer: a field for each part of an item, any word in any of them. In memory."""

from jieba.analyse import ChineseAnalyzer
from whoosh.fields import ID, TEXT, Schema
from whoosh.filedb.filestore import RamStorage
from whoosh.qparser import MultifieldParser, OrGroup, WhitespacePlugin

from bench.search.engine import Answer, Engine, Item
from bench.search.words import fields


class WhooshJieba:
    def __init__(self, items: list[Item]) -> None:
        analyzer = ChineseAnalyzer()
        names = list(fields({"name": "", "department": {"name": ""}}))
        schema = Schema(code=ID(stored=True), **{name: TEXT(analyzer=analyzer) for name in names})
        index = RamStorage().create_index(schema)
        writer = index.writer(limitmb=256)
        for item in items:
            writer.add_document(code=item["code"], **fields(item))
        writer.commit(optimize=True)
        self._searcher = index.searcher()
        # A question holds no query language: only white space is left of it.
        self._parser = MultifieldParser(names, schema, plugins=[WhitespacePlugin()], group=OrGroup)

    def find(self, text: str, limit: int) -> Answer:
        hits = self._searcher.search(self._parser.parse(text), limit=limit)
        codes = [hit["code"] for hit in hits]
        return Answer(codes, sure=bool(codes))

    def close(self) -> None:
        self._searcher.close()


def build(items: list[Item]) -> Engine:
    return WhooshJieba(items)
