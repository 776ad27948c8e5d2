"""Money: orders, ledger, WeChat Pay, Alipay, refunds, reconciliation. Nothing is here yet."""
