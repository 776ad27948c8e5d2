"""What uploads are made of, from the settings."""

from cases.file_check import Checker, Limits
from cases.file_keeping import Filekeeping
from cases.file_store import Files
from kit.blobs import Blobs, GridBlobs, MovedBlobs
from kit.clamd import Clamd
from kit.crypto import Keyring
from kit.http import Http
from kit.mongo import Mongo
from kit.outbox import Outbox
from kit.s3 import Bucket, S3Blobs
from miniapp_api.settings import Settings, secret
from miniapp_api.settings_files import files_s3

MB = 1024 * 1024


def bucket(settings: Settings) -> Bucket | None:
    """None: files lie in GridFS. Its origin belongs on the egress list. Settings must have passed `settings.check`."""
    return files_s3(secret(settings.files_s3), production=settings.profile == "production")[0]


def keeping(settings: Settings, mongo: Mongo, keys: Keyring, outbox: Outbox, http: Http) -> Filekeeping:
    """No traffic yet."""
    limits = Limits(settings.file_max_mb * MB, settings.file_max_megapixels * 1_000_000, settings.file_max_pages)
    return Filekeeping(
        mongo=mongo,
        store=Files(mongo, keys),
        blobs=_blobs(settings, mongo, http),
        outbox=outbox,
        checker=Checker(limits, settings.uploads or None),
        scanner=Clamd(settings.clamd_url) if settings.clamd_url else None,
        share=(settings.file_quota_mb * MB, settings.file_quota_files),
    )


def _blobs(settings: Settings, mongo: Mongo, http: Http) -> Blobs:
    own = bucket(settings)
    return GridBlobs(mongo) if own is None else MovedBlobs(S3Blobs(http, own), GridBlobs(mongo))
