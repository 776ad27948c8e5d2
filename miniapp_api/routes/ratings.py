"""Ratings of a resident, and what is published of them."""

from miniapp_api.gate import Routes

routes = Routes()
