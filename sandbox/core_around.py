"""What is around a case at the core, put together: appointments, ratings, complaints, tallies, their calls and their desks."""

from typing import Any

from sanic import Sanic

from sandbox.book import Book
from sandbox.core_appointments import CoreAppointments
from sandbox.core_complaints import CoreComplaints
from sandbox.core_events import Events
from sandbox.core_files import Files
from sandbox.core_items import Items
from sandbox.core_ratings import CoreRatings
from sandbox.core_slots import Slots
from sandbox.core_subjects import Subjects
from sandbox.core_tallies import CoreTallies
from sandbox.faults import Faults
from sandbox.routes import core_routes, world_routes


class Around:
    def __init__(self, book: Book, items: Items, parts: tuple[Events, Files, Subjects, Faults]) -> None:
        events, files, subjects, faults = parts
        self._slots = Slots(book, items)
        self._appointments = CoreAppointments(book, self._slots, (items, events, faults))
        self._ratings = CoreRatings(book, subjects, faults)
        self._complaints = CoreComplaints(book, (items, files, events, faults))
        self._tallies = CoreTallies(book, items)

    def add_routes(self, app: Sanic[Any, Any], faults: Faults, door: tuple[dict[str, Any], Book]) -> None:
        core_routes(
            app,
            faults,
            door,
            (
                ("GET", "/slots", self._slots.page),
                ("POST", "/appointments", self._appointments.book),
                ("GET", "/appointments/<appointment_id:str>", self._appointments.look),
                ("POST", "/appointments/<appointment_id:str>/cancellation", self._appointments.call_off),
                ("POST", "/appointments/<appointment_id:str>/arrival", self._appointments.arrive),
                ("POST", "/ratings", self._ratings.rate),
                ("GET", "/ratings/<rating_id:str>", self._ratings.look),
                ("POST", "/ratings/<rating_id:str>/outcome", self._ratings.end),
                ("POST", "/complaints", self._complaints.file),
                ("GET", "/complaints/<complaint_id:str>", self._complaints.look),
                ("POST", "/complaints/<complaint_id:str>/follow-ups", self._complaints.follow_up),
                ("POST", "/complaints/<complaint_id:str>/satisfaction", self._complaints.rate),
                ("GET", "/tallies/<month:str>", self._tallies.month),
            ),
        )
        world_routes(
            app,
            (
                ("GET", "/core/slots", self._slots.desk),
                ("POST", "/core/slots", self._slots.make),
                ("PUT", "/core/slots/<slot_id:str>", self._appointments.change_slot),
                ("GET", "/core/appointments", self._appointments.listed),
                ("POST", "/core/appointments/<appointment_id:str>/moves", self._appointments.move),
                ("GET", "/core/complaints", self._complaints.listed),
                ("POST", "/core/complaints/<complaint:str>/moves", self._complaints.move),
                ("GET", "/core/ratings", self._ratings.listed),
                ("POST", "/core/window-cases", self._tallies.count_windows),
                ("POST", "/core/tallies", self._tallies.count),
            ),
        )
