"""contract.yaml and the types in core/ are one thing; signatures cover what they say."""

import json
import time
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from openapi_spec_validator import validate
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from core import (
    appointments,
    bills,
    case_acts,
    client,
    complaints,
    deliveries,
    events,
    licences,
    money,
    publications,
    ratings,
    subjects,
    tallies,
    types,
)
from core.signature import Forged, check_event, sign_call, sign_event

SECRET = b"a secret of the tests"
BODY = b'{"event_id":"e1"}'


def contract() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((Path(types.__file__).parent / "contract.yaml").read_text())
    return loaded


def test_the_contract_is_valid_openapi_with_a_webhook() -> None:
    loaded = contract()
    validate(loaded)
    assert set(loaded["webhooks"]) == {"event"}


def models() -> list[type[BaseModel]]:
    """Every shape of a body of the contract; what is inside them comes along."""
    models: list[type[BaseModel]] = [types.ItemPage, types.Item, types.Case, types.CoreEvent, events.EventPage, types.Challenge, types.Applicant]
    models += [publications.PublicationPage, publications.Publication]
    models += [bills.BillList, bills.Settlement, bills.Reversal, bills.BookPage, money.SettlementAsk, money.ReversalAsk]
    models += [subjects.EnterpriseList, subjects.WardList, licences.LicenceList, licences.PresentationAsk, licences.Presentation]
    models += [case_acts.Submission, case_acts.PrecheckAsk, case_acts.Findings, case_acts.CorrectionAsk, case_acts.WithdrawalAsk]
    models += [case_acts.ReceivedFile, deliveries.DeliveryAsk, deliveries.Delivery, deliveries.DeliveryOutcome, deliveries.FreightAsk]
    models += [appointments.SlotList, appointments.AppointmentAsk, appointments.Appointment]
    models += [ratings.RatingAsk, ratings.Rating, ratings.RectificationOutcome]
    models += [complaints.ComplaintAsk, complaints.Complaint, complaints.FollowUp, complaints.Satisfaction, tallies.MonthTally]
    return models


def test_the_contract_and_our_types_cannot_drift() -> None:
    _, made = models_json_schema([(model, "validation") for model in models()], ref_template="#/components/schemas/{model}")
    assert contract()["components"]["schemas"] == made["$defs"]


EXAMPLES = {
    model.__name__: model
    for model in (
        *(bills.Bill, bills.BillList, bills.Settlement, bills.Reversal, bills.BookPage, money.SettlementAsk, money.ReversalAsk),
        *(subjects.EnterpriseList, subjects.WardList, licences.LicenceList, licences.PresentationAsk, licences.Presentation, types.Case),
        *(case_acts.Submission, case_acts.PrecheckAsk, case_acts.Findings, case_acts.CorrectionAsk, case_acts.WithdrawalAsk),
        *(case_acts.ReceivedFile, deliveries.DeliveryAsk, deliveries.Delivery, deliveries.DeliveryOutcome, deliveries.FreightAsk),
        *(appointments.SlotList, appointments.AppointmentAsk, appointments.Appointment, ratings.RatingAsk, ratings.Rating),
        *(ratings.RectificationOutcome, complaints.ComplaintAsk, complaints.Complaint, complaints.FollowUp, complaints.Satisfaction),
        *(tallies.MonthTally,),
    )
}


def examples(within: Any, path: str = "") -> list[tuple[str, str, Any]]:
    """(where, the schema's name, the example) of every media type that has one."""
    if isinstance(within, list):
        return [found for place, one in enumerate(within) for found in examples(one, f"{path}/{place}")]
    if not isinstance(within, dict):
        return []
    own = [(path, within["schema"].get("$ref", "").rpartition("/")[2], within["example"])] if {"schema", "example"} <= within.keys() else []
    return own + [found for name, one in within.items() if name != "example" for found in examples(one, f"{path}/{name}")]


def test_the_examples_are_what_our_types_read_and_say() -> None:
    told = [one for one in examples(contract()["paths"]) if "/content/" in one[0]]
    assert {name for _, name, _ in told} == EXAMPLES.keys()
    for where, name, example in told:
        read = EXAMPLES[name].model_validate_json(json.dumps(example))
        assert read.model_dump(mode="json", exclude_unset=True).keys() == example.keys(), where  # no field of theirs is dropped


def test_the_examples_of_the_webhook_are_events_of_ours_and_one_of_each_new_kind() -> None:
    body = contract()["webhooks"]["event"]["post"]["requestBody"]["content"]["application/json"]
    told = {kind: events.read_event(one["value"]) for kind, one in body["examples"].items()}
    assert {kind: event.type for kind, event in told.items()} == {kind: kind for kind in ("bill.issued", "appointment.moved", "complaint.moved")}
    for kind, event in told.items():
        assert event.model_dump(mode="json", exclude_unset=True).keys() == body["examples"][kind]["value"].keys()
    named = {one["$ref"] for one in body["schema"]["oneOf"]}
    assert named == set(body["schema"]["discriminator"]["mapping"].values())
    assert {name.rpartition("/")[2] for name in named} == {one.__name__ for one in get_args(events.Event)}


# Where two parts use one word, the contract tells them apart.
TOLD_APART = {"CoreRatings.rate": "rate_case", "CoreRatings.tell_outcome": "tell_rating_outcome", "CoreComplaints.rate": "rate_reply"}


def test_every_path_of_the_contract_is_one_call_of_ours() -> None:
    asked = sorted(one["operationId"] for acts in contract()["paths"].values() for one in acts.values())
    parts: tuple[type, ...] = (
        client.Core,
        money.CoreMoney,
        subjects.CoreSubjects,
        licences.CoreLicences,
        case_acts.CoreCaseActs,
        deliveries.CoreDeliveries,
    )
    parts += (appointments.CoreAppointments, ratings.CoreRatings, complaints.CoreComplaints, tallies.CoreTallies)
    ours = {TOLD_APART.get(f"{part.__name__}.{name}", name) for part in parts for name in vars(part) if not name.startswith("_")}
    assert asked == sorted(ours - {"read", "post", "put"})  # how the parts call


@pytest.mark.parametrize("algorithm", ["sha256", "sm3"])
def test_a_genuine_event_passes_in_both_algorithms(algorithm: Any) -> None:
    at = str(int(time.time()))
    check_event(SECRET, at, "nonce-1234567890", sign_event(SECRET, algorithm, at, "nonce-1234567890", BODY), BODY, time.time())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"body": BODY + b" "}, "bad_signature"),
        ({"nonce": "nonce-0987654321"}, "bad_signature"),
        ({"secret": b"another"}, "bad_signature"),
        ({"signature": ""}, "no_signature"),
        ({"signature": "md5=00"}, "no_signature"),
        ({"signature": "sha256=é"}, "bad_signature"),
        ({"nonce": "x"}, "no_signature"),
        ({"late": 301}, "stale_timestamp"),
        ({"late": -301}, "stale_timestamp"),
    ],
)
def test_anything_else_is_forged(change: dict[str, Any], reason: str) -> None:
    at = str(int(time.time()))
    nonce = "nonce-1234567890"
    signature = change.get("signature", sign_event(SECRET, "sha256", at, nonce, BODY))
    with pytest.raises(Forged) as caught:
        check_event(
            change.get("secret", SECRET), at, change.get("nonce", nonce), signature, change.get("body", BODY), time.time() + change.get("late", 0)
        )
    assert caught.value.reason == reason


def test_a_signed_timestamp_that_is_no_number_is_stale_not_a_crash() -> None:
    with pytest.raises(Forged, match="stale_timestamp"):
        check_event(SECRET, "٣٣", "nonce-1234567890", sign_event(SECRET, "sha256", "٣٣", "nonce-1234567890", BODY), BODY, time.time())


def test_our_calls_are_bound_to_method_and_path() -> None:
    first = sign_call(SECRET, "sha256", "1", "n", "GET", "/core/v1/cases/1", b"")
    assert first != sign_call(SECRET, "sha256", "1", "n", "GET", "/core/v1/cases/2", b"")
    assert first != sign_call(SECRET, "sha256", "1", "n", "POST", "/core/v1/cases/1", b"")
