"""`make bench-search`: finding the right item, ours beside four peers (quality), and how long it takes as the catalogue grows (speed)."""

import argparse
import sys
from pathlib import Path

from bench.figures import progress
from bench.labels import compare
from bench.search import ours, quality, questions, served, speed
from bench.search.engine import Build
from bench.search.peers import PEERS
from bench.search.questions import BadQuestions
from sandbox.core_items import BadCatalogue, read


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.search", epilog="例：python -m bench.search --items items.jsonl --questions a.jsonl,b.jsonl")
    parser.add_argument("--items", type=Path, help="事项目录文件；不给则用自带的事项")
    parser.add_argument("--questions", default=str(questions.OWN), help="问题文件，可用逗号分隔多个；不给则用自带的问题")
    parser.add_argument("--only", choices=("quality", "speed"), help="只测质量或只测速度")
    given = parser.parse_args()
    try:
        items = read(given.items)
        files = {Path(name): questions.read(Path(name)) for name in given.questions.split(",") if name}
    except (BadCatalogue, BadQuestions, OSError) as exc:
        parser.error(str(exc))
    compare(parser, {item["code"] for item in items}, {str(file): [one.codes for one in asked] for file, asked in files.items()})
    builds: dict[str, Build] = {"ours": ours.build, **PEERS}
    if given.only != "speed":
        progress("质量…")
        quality.measure(items, {file.stem: asked for file, asked in files.items()}, builds)
    if given.only != "quality":
        progress("速度…")
        speed.measure(items, given.items, files, builds)
        progress("经 HTTP 与同步…")
        served.measure(items, [one for asked in files.values() for one in asked])
    return 0


if __name__ == "__main__":
    sys.exit(main())
