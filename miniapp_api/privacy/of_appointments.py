"""What is held of appointments."""

from collections.abc import Mapping

from miniapp_api.privacy.held import Held

OF_APPOINTMENTS: Mapping[str, Held] = {}
