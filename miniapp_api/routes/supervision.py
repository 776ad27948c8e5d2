"""Figures for supervisors and for everybody."""

from miniapp_api.gate import Routes

routes = Routes()
