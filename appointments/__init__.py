"""Appointments (预约): slots of the hall, taken by one person each, with a waiting list, a deadline and a number for the queue."""
