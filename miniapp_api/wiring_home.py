"""What the personal page and the enterprise page are made of. Part of wiring: nobody else makes these."""

from dataclasses import dataclass
from pathlib import Path

from cases.page_store import CasesOfPage
from content.catalogue import Catalogue
from content.packages import Packages
from content.recommend import Recommending
from content.recommend_file import BUILT_IN, RecommendationFile
from kit.mongo import Mongo


@dataclass(frozen=True, slots=True)
class Homing:
    cases: CasesOfPage
    recommending: Recommending


def homing(mongo: Mongo, catalogue: Catalogue, packages: Packages, path: str) -> Homing:
    """`path` of the operators' recommendations; empty: the built-in ones."""
    return Homing(CasesOfPage(mongo), Recommending(catalogue, packages, RecommendationFile(Path(path) if path else BUILT_IN)))
