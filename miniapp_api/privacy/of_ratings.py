"""What is held of ratings."""

from collections.abc import Mapping

from miniapp_api.privacy.held import Held

OF_RATINGS: Mapping[str, Held] = {}
