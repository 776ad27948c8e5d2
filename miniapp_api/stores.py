"""Every module whose collections have indexes, `INDEXES` each; they exist before the first request."""

from bot import store as bot_store
from bot import wechat_store
from cases import act_store, clock_store, draft_store, file_store, licence_store, people_store, progress_tries
from cases import store as cases_store
from content import closure_store, publications_store, tallies
from content import store as content_store
from delivery import parcel_store
from kit import blobs, idempotency, outbox, workdays
from miniapp_api import wiring_appointments, wiring_complaints, wiring_ratings, wiring_supervision
from miniapp_api.privacy import store as privacy_store
from notify import broadcast_store, consent_store, reminder_store
from notify import store as notify_store
from payments import discrepancy_store, order_store, reconcile_store, refund_store
from residents import store as residents_store
from staff import audit as staff_audit
from staff import store as staff_store
from supervision import health_store

STORES = (
    *(outbox, idempotency, workdays, blobs),
    *(residents_store, content_store, closure_store, tallies, publications_store),
    *(cases_store, draft_store, act_store, licence_store, file_store, people_store, clock_store, progress_tries),
    *(notify_store, consent_store, reminder_store, broadcast_store, bot_store, wechat_store),
    *(order_store, refund_store, reconcile_store, discrepancy_store, parcel_store),
    *(*wiring_appointments.STORES, *wiring_ratings.STORES, *wiring_complaints.STORES, *wiring_supervision.STORES, health_store),
    *(staff_store, staff_audit, privacy_store),
)
