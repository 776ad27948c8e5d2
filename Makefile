# What people type. Set-up is part of every command: tools/setup.sh does nothing when there is nothing to do.
# Settings (ZHANGBAN_PORT, MONGO_URL, …) come from the environment or from the command line: make run SANDBOX_ITEMS=items.jsonl
.DEFAULT_GOAL := help
# Side by side: much of what is tested waits, so three keep two cores busy. Each has stores and services of its own (about 1 GB).
TESTERS ?= 3
.PHONY: help run demo train test test-fast bench bench-search bench-bot bench-pay bench-cases bench-notify bench-delivery bench-around check format clean

help: ## 列出命令
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## 启动整套服务：数据库、沙箱、API、后台、智能助手（Ctrl-C 停止）
	@tools/setup.sh bot && exec .venv/bin/zhangban run

demo: ## 从登录走到办结，逐步检查（ITEMS=事项文件）
	@tools/setup.sh && exec .venv/bin/zhangban demo $(if $(ITEMS),--items '$(ITEMS)')

train: ## 训练智能助手（make run 第一次会自己训练）
	@ASSISTANT_NEEDED=1 tools/setup.sh bot && exec .venv/bin/zhangban bot train

test: ## 全部测试
	@tools/setup.sh bot dev bench && exec .venv/bin/python -m pytest -n $(TESTERS) --no-loadscope-reorder

test-fast: ## 除 kill -9 以外的测试
	@tools/setup.sh dev bench && exec .venv/bin/python -m pytest -m 'not crash and not slow'

bench: ## 与同类实现比较（ITEMS=事项文件 GROW=扩成多少项 ONLY=guides|pushes|demo）
	@tools/setup.sh dev bench && exec .venv/bin/python -m bench $(if $(ITEMS),--items '$(ITEMS)') $(if $(GROW),--grow '$(GROW)') $(if $(ONLY),--only '$(ONLY)') $(if $(QUESTIONS),--questions '$(QUESTIONS)')

bench-search: ## 检索的质量与速度，与四种引擎比较（ITEMS=事项文件 QUESTIONS=问题文件,问题文件 ONLY=quality|speed）
	@tools/setup.sh dev bench && exec .venv/bin/python -m bench.search $(if $(ITEMS),--items '$(ITEMS)') $(if $(QUESTIONS),--questions '$(QUESTIONS)') $(if $(ONLY),--only '$(ONLY)')

bench-bot: ## 助手答得对不对、有没有依据、多快，与对照比较（ITEMS=事项文件 QUESTIONS=问题文件,问题文件 ONLY=quality|grounding|latency|peers）
	@tools/setup.sh dev bench bot && exec .venv/bin/python -m bench.bot $(if $(ITEMS),--items '$(ITEMS)') $(if $(QUESTIONS),--questions '$(QUESTIONS)') $(if $(ONLY),--only '$(ONLY)') $(if $(DUMP),--dump '$(DUMP)') $(if $(TABLE),--table '$(TABLE)')

bench-cases: ## 办件：提交、列表、预检、上传的速度和内存（ITEMS=事项文件 ONLY=precheck|submit|list|upload）
	@tools/setup.sh dev bench && exec .venv/bin/python -m bench.cases $(if $(ITEMS),--items '$(ITEMS)') $(if $(QUESTIONS),--questions '$(QUESTIONS)') $(if $(ONLY),--only '$(ONLY)')

bench-pay: ## 缴费：通知入账与物理极限比、通知风暴、验签、十万笔对账（ITEMS=事项文件 ONLY=settle|storm|verify|reconcile）
	@tools/setup.sh dev bench && exec .venv/bin/python -m bench.pay $(if $(ITEMS),--items '$(ITEMS)') $(if $(QUESTIONS),--questions '$(QUESTIONS)') $(if $(ONLY),--only '$(ONLY)')

bench-notify: ## 推送：事件到手机多快、与两种任务队列比较、一万条一条不丢不重、百万行时的查询（ONLY=latency|peers|flood|plans）
	@tools/setup.sh dev bench && exec .venv/bin/python -m bench.notify $(if $(ITEMS),--items '$(ITEMS)') $(if $(QUESTIONS),--questions '$(QUESTIONS)') $(if $(ONLY),--only '$(ONLY)')

bench-delivery: ## 寄递：轨迹入库与物理极限比、五十个进程同时下单、推送省下的查询（ITEMS=事项文件 ONLY=scans|booking|polls）
	@tools/setup.sh dev bench && exec .venv/bin/python -m bench.delivery $(if $(ITEMS),--items '$(ITEMS)') $(if $(QUESTIONS),--questions '$(QUESTIONS)') $(if $(ONLY),--only '$(ONLY)')

bench-around: ## 办件周边：五十人抢一个号、二十万件的监督数据、二十万份草稿的运行监控、五十件未办的个人网页（ITEMS=事项文件 ONLY=slots|supervision|health|page）
	@tools/setup.sh dev bench && exec .venv/bin/python -m bench.around $(if $(ITEMS),--items '$(ITEMS)') $(if $(QUESTIONS),--questions '$(QUESTIONS)') $(if $(ONLY),--only '$(ONLY)')

check: ## 格式、静态检查、类型、内务规则
	@tools/setup.sh dev bench
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy .
	.venv/bin/python -m pytest -q tests/house

format: ## 整理格式
	@tools/setup.sh dev
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

clean: ## 删除环境与缓存（.data 里的数据保留）
	rm -rf .venv .uv .python bot/rasa/.venv .embedded .embedded.new .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
