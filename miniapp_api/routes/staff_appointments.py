"""Appointments at the hall."""

from miniapp_api.gate import Routes

routes = Routes()
