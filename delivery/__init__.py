"""Parcels: licences to the door, papers to the hall; couriers and tracking, in both directions."""
