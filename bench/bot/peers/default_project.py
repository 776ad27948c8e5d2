"""A Rasa project as its documentation starts one for Chinese, filled with our sentences and the catalogue's names as entities and lookup table."""

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

SENTENCES = Path(__file__).parents[3] / "bot" / "rasa" / "data"
CONFIG = """recipe: default.v1
language: zh
assistant_id: defaults
pipeline:
- name: JiebaTokenizer
- name: RegexFeaturizer
  use_word_boundaries: False
- name: LexicalSyntacticFeaturizer
- name: CountVectorsFeaturizer
- name: CountVectorsFeaturizer
  analyzer: char_wb
  min_ngram: 1
  max_ngram: 4
- name: DIETClassifier
  epochs: {epochs}
  constrain_similarities: true
  random_seed: 42
- name: RegexEntityExtractor
  use_lookup_tables: True
  use_word_boundaries: False
- name: EntitySynonymMapper
- name: FallbackClassifier
  threshold: 0.3
  ambiguity_threshold: 0.1
"""
DOMAIN = 'version: "3.1"\nintents: [{intents}]\nentities: [item]\n'
_ENTITY = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\{[^}]*\})")
_UNFIT = re.compile(r"[\[\](){}\n]")  # would end the notation of an entity


def write(folder: Path, items: Sequence[dict[str, Any]], epochs: int, sentences: Path = SENTENCES) -> int:
    """config.yml, domain.yml and nlu.yml; how many sentences there are. Every sentence once, and each item's names in one of them."""
    known = names(items)
    examples = {intent: list(of_intent) for intent, of_intent in _annotated(_sentences(sentences), sorted(known, key=len, reverse=True)).items()}
    if not examples:
        raise SystemExit(f"{sentences} 里没有训练语句")
    lines = ['version: "3.1"', "nlu:"]
    for intent, of_intent in examples.items():
        lines += [f"- intent: {intent}", "  examples: |", *(f"    - {one}" for one in of_intent)]
    lines += ["- lookup: item", "  examples: |", *(f"    - {one}" for one in known)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nlu.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "domain.yml").write_text(DOMAIN.format(intents=", ".join(examples)), encoding="utf-8")
    (folder / "config.yml").write_text(CONFIG.format(epochs=epochs), encoding="utf-8")
    return sum(map(len, examples.values()))


def names(items: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Name, short and everyday names -> code of the first item that has it."""
    found: dict[str, str] = {}
    for item in items:
        for name in (item["name"], item.get("short_name"), *(item.get("everyday_names") or [])):
            if name and len(name) > 1 and not _UNFIT.search(name):
                found.setdefault(name.strip(), item["code"])
    return found


def _sentences(folder: Path) -> Iterator[tuple[str, str]]:
    """(intent, sentence) of our own training files, without notation."""
    for path in sorted(folder.rglob("*.yml")):
        for block in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("nlu") or []:
            for line in (block.get("examples") or "").splitlines() if block.get("intent") else []:
                if text := _ENTITY.sub(r"\1", line.strip().removeprefix("-").strip()):
                    yield block["intent"], text


def _annotated(sentences: Iterator[tuple[str, str]], known: list[str]) -> dict[str, list[str]]:
    """Names in our sentences become entities; besides, such a sentence is said of the next items in turn, until each was named once."""
    named = re.compile("|".join(map(re.escape, known))) if known else None
    turn, left = itertools.cycle(known), len(known)
    found: dict[str, dict[str, None]] = {}
    for intent, text in sentences:
        of_intent = found.setdefault(intent, {})
        hit = named.search(text) if named else None
        if hit is None:
            of_intent[_UNFIT.sub("", text)] = None
            continue
        before, after = (_UNFIT.sub("", part) for part in (text[: hit.start()], text[hit.end() :]))
        of_intent[f"{before}[{hit[0]}](item){after}"] = None
        for _ in range(2 if left > 0 else 0):
            of_intent[f"{before}[{next(turn)}](item){after}"] = None
            left -= 1
    return {intent: list(of_intent) for intent, of_intent in found.items()}
