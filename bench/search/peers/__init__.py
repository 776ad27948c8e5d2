"""Engines that a team would otherwise take, each as its own documentation proposes for Chinese text."""

from bench.search.engine import Build
from bench.search.peers import bm25s_jieba, fts5_trigram, mongo_text, whoosh_jieba

PEERS: dict[str, Build] = {
    "fts5_trigram": fts5_trigram.build,
    "bm25s_jieba": bm25s_jieba.build,
    "whoosh_jieba": whoosh_jieba.build,
    "mongo_text": mongo_text.build,
}
