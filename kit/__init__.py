"""Ground floor: stores, outbound HTTP, outbox, crypto, clock, errors, logs. It has never heard of a resident."""
