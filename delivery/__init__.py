"""Parcels: couriers and tracking, in both directions. Nothing is here yet."""
