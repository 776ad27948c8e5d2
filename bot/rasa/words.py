"""Makes the list of words that the tokenizer keeps whole, from the table of everyday names.

python words.py FOLDER_OF_EVERYDAY_NAMES OUT_FILE        (standard library only)
A line there reads `official words < everyday phrases`; `*` begins a line about an act, `#` a comment. The everyday side is left out: whole phrases as words made the model worse.
"""

import re
import sys
import unicodedata
from pathlib import Path

# A phrase with one of these tells how people ask or what they do, not what about.
_ASKS = re.compile(
    "[吗呢么嘛啥咋哪几谁吧]|什么|怎|多少|多久|多长|何时|时候|如何|是否|能不能|能否|可以|可否|要不要|需要|有没有|是不是|行不行"
    "|材料|资料|手续|流程|条件|要求|资格|费用|收费|价格|要钱|免费|缴费|付款|退款|地址|地点|窗口|电话|热线|联系|人工|客服|咨询|进度|预约"
    "|快递|邮寄|寄|跑|次|趟|天|久|投诉|举报|反映|办理|申请|办|查|领|交|补|换|丢|到期|过期|不见|找不"
)
_HAN = re.compile(r"[一-鿿]{2,8}|[a-z][a-z0-9]{1,9}")


def matters(folder):
    """Sorted words of two to eight characters that name a matter, or whom and what it is about."""
    found = set()
    for file in sorted(Path(folder).glob("*.txt")):
        for line in file.read_text(encoding="utf-8").splitlines():
            line = unicodedata.normalize("NFKC", line).lower().strip()
            official, arrow, _ = line.partition("<")
            if not arrow or line[0] in "#*":
                continue
            words = re.split(r"[\s()、,]+", official)
            found.update(word for word in (one.strip() for one in words) if _HAN.fullmatch(word) and not _ASKS.search(word))
    return sorted(found)


def main(folder, out):
    names = matters(folder)
    if not names:
        sys.exit(f"{folder}: no everyday names there")
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text("\n".join(names), encoding="utf-8")
    print(f"{len(names)} words in {out}", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
