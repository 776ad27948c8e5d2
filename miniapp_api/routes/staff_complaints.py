"""Complaints as staff see them."""

from miniapp_api.gate import Routes

routes = Routes()
