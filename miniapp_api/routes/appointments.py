"""Appointments of a resident."""

from miniapp_api.gate import Routes

routes = Routes()
