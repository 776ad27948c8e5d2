"""What the features around a case cost, and that one place is one: `make bench-around`."""
