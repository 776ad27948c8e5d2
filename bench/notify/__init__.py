"""What pushing costs: event to phone, beside two job queues, ten thousand at once, and the plans of every query at a million rows."""
