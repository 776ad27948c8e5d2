"""What is held of people: taken away with them, taken away for good, forgotten in time, and who looked at it."""
