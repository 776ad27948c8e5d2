"""What a question asks for, by keywords alone: for turns that Rasa cannot take. The first that is met counts."""

import re

_ASKS: tuple[tuple[str, str], ...] = (
    ("out_of_scope", r"天气|笑话|几点了|股票|彩票|唱(?:首|个)?歌|星座|下雨"),
    ("human", r"转人工|人工(?:客服|服务|坐席)|^人工$|真人|找个人"),
    ("payment", r"付款失败|支付失败|扣了(?:两|2)次|重复(?:扣|缴)|退款|缴费单|付不了|没到账"),
    (
        "complaint",  # whom to call about one is asked of `contact`
        r"(?:投诉|举报)(?![^，。,]{0,4}(?:电话|热线|号码|联系方式))|提(?:个|点|些|一?条|一[个点些])?(?:意见|建议)|(?:意见|问题)反馈|反馈(?:一?个)?(?:问题|意见)"
        r"|态度(?:差|恶劣|不好)|推诿|踢皮球",
    ),
    ("progress", r"进度|到哪|办到什么|办得?怎么?样了|审(?:批|核)(?:过|好|通过)了?(?:没|吗)|批下来|办好了?没|下来了?没|受理了?没"),
    ("delivery", r"快递|邮寄|寄(?:到|给|过|回|送|出)|送(?:上|到)门|送到家|邮政|EMS"),
    ("fee", r"多少钱|几多钱|收费|费用|要钱|花钱|免费|工本费|手续费|交钱|缴?多少费|收不收|贵不贵"),
    ("contact", r"电话|联系方式|怎么联系|打给谁|找谁|咨询(?:热线|方式)|号码"),
    ("time_limit", r"多久|几天|多长时间|多少天|时限|什么时候(?:能|可以)?(?:拿|办好|下|好)|几个工作日|几时|耐唔耐|多快|几日"),
    ("visits", r"跑(?:几|多少|一|两)|几(?:趟|次)|现场|本人(?:去|到|来)|不用去|必须去|要去(?:吗|不)|亲自|亲身"),
    (
        "materials",
        r"材料|资料|证件|要带|带(?:什么|啥|些|哪|咩)|准备(?:什么|啥|些|哪)|哪些(?:东西|手续材料)|需要(?:什么|哪些|啥)(?!条件|手续|流程)|交什么|要什么(?!条件|手续)",
    ),
    ("location", r"在哪|去哪|哪里|哪儿|边度|地址|地点|哪个(?:窗口|大厅|地方|部门)|什么地方|上哪"),
    ("conditions", r"条件|能不能|可不可以|可以吗|能办吗|符合|资格|有没有要求|什么人|哪些人|行吗|行不行|允许|算不算|够不够|得不得"),
    ("process", r"怎么|如何|咋|流程|步骤|手续|怎样|点办|点样|程序|预约|网上办|申请|办理"),
    ("thanks", r"^(?:谢|多谢|感谢|辛苦|唔该)"),
    ("goodbye", r"^(?:再见|拜拜|88|没事了|没有了)"),
    ("greet", r"^(?:你好|您好|在吗|在不在|嗨|哈喽|hello|hi|喂|早上好|下午好|晚上好)[\s!,。！，~～]*$"),
)
_COMPILED = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _ASKS)
# What a question about any matter may be made of: ways of asking, of saying who and when, and what every guide has.
_ORDINARY = re.compile(
    "请问|我想|想问|问一?下|知道|那么?|这个?|还有|还要|另外|的话|如果|是不是|有没有|要不要|能不能|可不可以|可以|需要|需不需要|一定|必须|大概|一般|到底|究竟"
    "|所有|全部|总共|一共|什么|怎么样?|怎样|如何|多少|哪里|哪儿|哪个|哪些|自己|本人|家里|办理?|申请|准备|提交|材料|资料|证件|东西|手续|流程|步骤|条件|要求|资格"
    "|符合|情况|部门|费用?|收费|免费|时间|时限|时候|工作日|具体|地点|地址|地方|窗口|大厅|现场|亲自|电话|号码|联系|咨询|快递|邮寄|进度|结果|网上|线上|手机|预约"
    "|谢谢?|你好|麻烦|告诉|直接|现在|今天|明天|周末|星期|上班|下班|比较|差不多|应该|肯定|复印件?|原件|照片|代办|别人|亲戚|其他|年纪|参加|最近"
    "|[我你您他她它们啥咋吗呢啊吧呀嘛哦了的得地就都也又再才先后前是有没不人个样些点下上去来到在从把被给跟和与或对为让要想能会该弄搞做拿取交带钱花天日久快慢长跑趟次打找谁寄送查看帮请说"
    "多少大小一二两三几早晚完成行最很太真回出过起开关用收发只份张全别另以及当场等着里外内其此某每各咩乜嘢唔喺边度咁啲睇第步干种]"
)
_WORDS = re.compile(r"[\u4e00-\u9fff]")


def matter_of(text: str) -> str:
    """What is left of a question without its ordinary words: the matter it names, if it names one."""
    return "".join(_WORDS.findall(_ORDINARY.sub(" ", text)))


def ask_of(text: str) -> str:
    """One of the intents; `overview` when a matter may be named but nothing is asked in words known here. The last sentence is heard first: there the question is."""
    if not _WORDS.search(text):
        return "nlu_fallback"
    sentences = [one for one in re.split(r"[。！？!?；;]", text) if one.strip()]
    for part in [sentences[-1], text] if len(sentences) > 1 else [text]:
        for name, pattern in _COMPILED:
            if pattern.search(part):
                return name
    return "overview"
