"""Counters and histograms of this process, in Prometheus' text form. Labels are our own words, never a person's data."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()

requests = Counter("zhangban_requests", "Requests by route and status", ["route", "status"], registry=REGISTRY)
seconds = Histogram("zhangban_request_seconds", "Time to answer", ["route"], registry=REGISTRY, buckets=(0.01, 0.05, 0.1, 0.3, 0.5, 1, 3, 10))
outbox_rows = Gauge("zhangban_outbox_rows", "Outbox rows not done", ["state"], registry=REGISTRY)
outbox_age = Gauge("zhangban_outbox_oldest_due_seconds", "Age of the oldest due outbox row", registry=REGISTRY)
catalogue_age = Gauge("zhangban_catalogue_age_seconds", "Since the catalogue was last confirmed by the core", registry=REGISTRY)
publications_age = Gauge("zhangban_publications_age_seconds", "Since the publications were last confirmed by the core", registry=REGISTRY)
assistant_turns = Counter("zhangban_assistant_turns", "Turns of the assistant", ["how", "outcome"], registry=REGISTRY)
wechat_messages = Counter("zhangban_wechat_messages", "Customer messages taken, by account and kind", ["account", "kind"], registry=REGISTRY)
wechat_replies = Counter("zhangban_wechat_replies", "Texts of answers by outcome", ["account", "outcome"], registry=REGISTRY)
discrepancies_open = Gauge("zhangban_discrepancies_open", "Discrepancies of reconciliation that nobody has settled", registry=REGISTRY)
payment_notices = Counter("zhangban_payment_notices", "Notices of payment gateways by what came of them", ["gateway", "outcome"], registry=REGISTRY)
courier_pushes = Counter("zhangban_courier_pushes", "Pushes of couriers by what came of them", ["courier", "outcome"], registry=REGISTRY)
pushes = Counter("zhangban_pushes", "Ended pushes by channel, outcome and reason", ["channel", "outcome", "reason"], registry=REGISTRY)
pushes_parked = Gauge("zhangban_pushes_parked", "Messages of which a channel is parked by a fault of ours", registry=REGISTRY)


def text() -> bytes:
    return generate_latest(REGISTRY)
