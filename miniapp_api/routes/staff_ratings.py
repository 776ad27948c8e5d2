"""Bad ratings, put right."""

from miniapp_api.gate import Routes

routes = Routes()
