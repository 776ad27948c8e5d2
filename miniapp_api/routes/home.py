"""The personal page and the enterprise page."""

from miniapp_api.gate import Routes

routes = Routes()
