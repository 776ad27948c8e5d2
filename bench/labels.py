"""Whether a file of labelled questions and a catalogue belong together."""

import argparse
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from bench.figures import progress


def compare(parser: argparse.ArgumentParser, codes: AbstractSet[str], labels: Mapping[str, Sequence[AbstractSet[str]]]) -> None:
    """Labels that the catalogue does not hold count as misses and are told; a set without any that it does was given the wrong catalogue."""
    if not labels or not codes:
        parser.error("要有至少一个事项和一个问题文件")
    for name, of_set in labels.items():
        labelled = [one for one in of_set if one]
        strange = sum(one.isdisjoint(codes) for one in labelled)
        if labelled and strange == len(labelled):
            parser.error(f"{name} 标注的事项都不在目录里，请用 --items 给出对应的目录")
        if strange:
            progress(f"{name}：{strange} 个问题标注的事项不在目录里，按未命中计")
