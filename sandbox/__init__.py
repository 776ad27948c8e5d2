"""The outside world on localhost: WeChat, Alipay and the core platform, with ledgers of their own. It imports nothing of ours."""
