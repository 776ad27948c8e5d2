"""How each item does online, and closing it for online handling."""

from miniapp_api.gate import Routes

routes = Routes()
