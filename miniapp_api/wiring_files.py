"""What uploads are made of, from the settings."""

from cases.file_check import Checker, Limits
from cases.file_keeping import Filekeeping
from cases.file_store import Files
from kit.blobs import GridBlobs
from kit.clamd import Clamd
from kit.crypto import Keyring
from kit.mongo import Mongo
from kit.outbox import Outbox
from miniapp_api.settings import Settings

MB = 1024 * 1024


def keeping(settings: Settings, mongo: Mongo, keys: Keyring, outbox: Outbox) -> Filekeeping:
    """No traffic yet."""
    limits = Limits(settings.file_max_mb * MB, settings.file_max_megapixels * 1_000_000, settings.file_max_pages)
    return Filekeeping(
        mongo=mongo,
        store=Files(mongo, keys),
        blobs=GridBlobs(mongo),
        outbox=outbox,
        checker=Checker(limits, settings.uploads or None),
        scanner=Clamd(settings.clamd_url) if settings.clamd_url else None,
        share=(settings.file_quota_mb * MB, settings.file_quota_files),
    )
