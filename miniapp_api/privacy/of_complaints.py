"""What is held of complaints."""

from collections.abc import Mapping

from miniapp_api.privacy.held import Held

OF_COMPLAINTS: Mapping[str, Held] = {}
