"""What is held of supervision."""

from collections.abc import Mapping

from miniapp_api.privacy.held import Held

OF_SUPERVISION: Mapping[str, Held] = {}
