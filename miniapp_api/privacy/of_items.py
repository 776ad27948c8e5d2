"""What is held of how items do online. Nobody is in it but the staff who closed one."""

from collections.abc import Mapping

from miniapp_api.privacy.held import Held, Stays

OF_ITEMS: Mapping[str, Held] = {
    "item_closures": Held(
        "public", "暂停网上办理的事项、原因和由谁暂停", Stays("hand", "每个事项一条，下次暂停时改写"), why="只有工作人员账号的编号，没有居民"
    ),
    "item_closure_turns": Held(
        "technical", "提交与暂停网上办理先后进行", Stays("hand", "每个事项最多 32 行，只有次数"), why="只有事项编码、次数和是否暂停"
    ),
    "item_steps": Held("public", "每个事项每天的看指南、预审、提交次数和出错原因", Stays("index", "400 天，够一年同比", 400, "at"), why="只有次数"),
    "item_warnings": Held("technical", "当天为哪个事项报过警", Stays("index", "30 天", 30, "at"), why="只有事项编码"),
}
