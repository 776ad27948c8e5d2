"""What following parcels costs, and that booking holds: `make bench-delivery`."""
