"""Who an item is for: residents' words (个人, 企业) to the words sources record (自然人, 企业法人 …)."""

import unicodedata

_LEGAL = ("企业法人", "事业法人", "社会组织法人", "非法人企业")
_ORGANISED = ("法人", *_LEGAL, "其他组织", "个体工商户", "企业", "社会组织")

# A word -> what an item may call it. The word itself always stands first.
_WIDER = {
    **dict.fromkeys(("自然人", "个人", "居民", "市民", "群众", "公民"), ("自然人", "个人")),
    **dict.fromkeys(("法人", "企业", "公司", "单位"), _ORGANISED),
    **dict.fromkeys(("事业法人", "事业单位"), ("事业法人", "法人")),
    **dict.fromkeys(("社会组织法人", "社会组织", "社会团体"), ("社会组织法人", "社会组织", "法人")),
    **dict.fromkeys(("个体工商户", "个体户"), ("个体工商户",)),
    **dict.fromkeys(("行政机关", "机关"), ("行政机关",)),
    "企业法人": ("企业法人", "企业", "法人"),
    "非法人企业": ("非法人企业", "企业", "法人"),
    "其他组织": ("其他组织",),
}


def widened(audience: str) -> list[str]:
    """Every word under which items for this audience may be recorded, the asked one first. An unknown word stands alone.

    法人 holds its four kinds; an item recorded for 法人 as a whole is also for each of them.
    """
    asked = unicodedata.normalize("NFKC", audience).strip()
    return list(dict.fromkeys((asked, *_WIDER.get(asked, ()))))
