"""The admin API's templates: read, changed or refused with all that is wrong, shown as they leave, tried on staff."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml

from infra.local.http import Request
from perennial.aws import wiring
from perennial.aws.documents import messages
from perennial.aws.settings import Settings
from perennial.channels.provider import OutcomeUnknown, ProviderError, Rejected, Unavailable
from perennial.channels.render import Message
from tests.integration.test_admin_api import SETTINGS, SIGNER, Staff, _read
from tests.messaging import LOCALES

HELLO = {locale: {"subject": "Hello {{ order.name }}", "body": "-"} for locale in LOCALES}
SMS = {locale: {"subject": "-", "body": "-", "sms": "Your order is on its way."} for locale in LOCALES}


class Carrier:
    """A provider that keeps what it takes, or refuses it."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.refusal: ProviderError | None = None

    def send(self, message: Message) -> str:
        if self.refusal:
            raise self.refusal
        self.taken.append(message)
        return "p-1"


@pytest.fixture
def carrier() -> Carrier:
    return Carrier()


@pytest.fixture
def staff(carrier: Carrier) -> Iterator[Staff]:
    wiring.reset()
    made = Staff()
    told = SETTINGS | {"EMAIL_FROM": "Hearth <hello@hearth.example>", "BRAND_NAME": "Hearth"}
    wiring.install(settings=Settings(**told), email_provider=carrier, sms_provider=carrier)
    yield made
    wiring.reset()


def put(staff: Staff, name: str, document: Any, over: int = 0, role: str = "admin") -> tuple[int, Any]:
    status, body, _ = staff.ask("PUT", f"/templates/{name}", role, json.dumps(document), if_match=f'"{over}"')
    return status, body


def post(staff: Staff, path: str, asked: Any, role: str = "admin", **headers: str) -> tuple[int, Any]:
    told = {"content_type": "application/json"} | headers
    status, body, _ = staff.ask("POST", f"/templates/{path}", role, json.dumps(asked), **told)
    return status, body


def as_somebody(staff: Staff, asked: Any, template: str = "welcome", **claims: Any) -> tuple[int, Any]:
    """A test send by an admin whose token says this."""
    token = SIGNER.token({"cognito:groups": ["admin"], **claims}, staff.clock.wall())
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    answer = staff._gateway().answer(
        Request("POST", f"/templates/{template}/test", headers, json.dumps(asked).encode())
    )
    return answer.status, _read(answer)


# Reading


def test_all_documents_are_listed_with_who_sends_them(staff: Staff) -> None:
    listed = {each["name"]: each for each in staff.get("/templates", "viewer")["templates"]}

    assert listed.keys() == messages().keys()
    assert listed["out_for_delivery"] == {
        "name": "out_for_delivery",
        "kind": "template",
        "version": 0,
        "channels": ["email", "sms"],
        "locales": list(LOCALES),
        "plays": ["out-for-delivery"],
    }
    assert (listed["layout"]["kind"], listed["tasks"]["kind"]) == ("layout", "tasks")


def test_a_template_is_read_as_it_is_written(staff: Staff) -> None:
    _, as_json, headers = staff.ask("GET", "/templates/thank_you", "viewer")
    _, as_yaml, _ = staff.ask("GET", "/templates/thank_you", "viewer", accept="application/yaml")

    assert as_json == messages()["thank_you"] == yaml.safe_load(as_yaml)
    assert headers["etag"] == '"0"'
    assert "  body: |\n    Thank you for your order" in as_yaml


def test_what_is_read_can_be_put_back(staff: Staff) -> None:
    for name in messages():
        _, text, _ = staff.ask("GET", f"/templates/{name}", accept="application/yaml")
        status, body, _ = staff.ask("PUT", f"/templates/{name}", "admin", text, if_match='"0"')
        assert (status, body.get("version")) == (200, 1), (name, body)


@pytest.mark.parametrize("path", ["/templates/nothing", "/templates/welcome?version=7"])
def test_what_there_is_not_is_not_found(staff: Staff, path: str) -> None:
    assert staff.ask("GET", path)[0] == 404


# Changing


def test_a_change_is_sent_from_then_on(staff: Staff, carrier: Carrier) -> None:
    assert put(staff, "welcome", HELLO) == (200, {"version": 1, "warnings": []})

    _, shown = post(staff, "welcome/preview", {"locale": "ja"})

    assert (shown["subject"], shown["version"], shown["locale"]) == ("Hello #1001", 1, "ja")


def test_a_new_template_can_be_used_by_the_policy(staff: Staff) -> None:
    assert put(staff, "lunar_new_year", HELLO)[0] == 200

    policy = staff.get("/policy")
    policy["plays"][0]["do"]["email"] = "lunar_new_year"
    status, body, _ = staff.ask("PUT", "/policy", "admin", json.dumps(policy), if_match='"1"')

    assert (status, body["version"]) == (200, 2)


def test_a_change_to_what_was_changed_meanwhile_is_refused(staff: Staff) -> None:
    put(staff, "welcome", HELLO)

    status, body = put(staff, "welcome", HELLO)

    assert (status, body["detail"]) == (412, "the template in force is version 1: read it again")


def test_a_change_without_a_version_is_refused(staff: Staff) -> None:
    assert staff.ask("PUT", "/templates/welcome", "admin", json.dumps(HELLO))[0] == 428


def test_everything_that_is_wrong_is_told_with_its_line_and_changes_nothing(staff: Staff) -> None:
    text = yaml.safe_dump(HELLO | {"es": {"subject": "{{ custmer }}", "body": "{% if %}"}}, sort_keys=False)

    status, body, _ = staff.ask("PUT", "/templates/welcome", "admin", text, if_match='"0"')

    assert (status, body["detail"]) == (422, "this cannot be sent; the text in force stays")
    lines = text.splitlines()
    assert [(each["where"], lines[each["line"] - 1].strip()[:4]) for each in body["errors"]] == [
        ("es.subject", "subj"),
        ("es.body", "body"),
    ]
    assert staff.get("/templates/welcome") == messages()["welcome"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({locale: HELLO[locale] for locale in LOCALES if locale != "fr"}, "welcome is not written in fr"),
        (HELLO | {"en": {"subject": "-"}}, "is missing"),
        (HELLO | {"en": {"subject": "-", "body": "-", "html": "-"}}, "is not known here"),
        (HELLO | {"en": {"subject": "-", "body": "-", "countries": {"Spain": {}}}}, "should match pattern"),
        (["en"], "a template is a mapping of languages"),
        ({locale: {"subject": "-", "body": "x" * 10_001} for locale in LOCALES}, "at most 10000 characters"),
    ],
)
def test_what_is_no_template_is_refused(staff: Staff, document: Any, said: str) -> None:
    status, body = put(staff, "welcome", document)

    assert status == 422
    assert any(said in each["message"] for each in body["errors"]), body


@pytest.mark.parametrize("text", ["en: {subject: a, subject: b}", "en: &a {}\nes: *a", "{", "x" * 100_001])
def test_what_is_no_document_is_refused(staff: Staff, text: str) -> None:
    assert staff.ask("PUT", "/templates/welcome", "admin", text, if_match='"0"')[0] == 422


def test_a_text_that_a_play_sends_cannot_be_taken_away(staff: Staff) -> None:
    status, body = put(staff, "out_for_delivery", HELLO)

    assert status == 422
    assert "'out-for-delivery' sends 'out_for_delivery' by sms" in body["errors"][0]["message"]


def test_words_of_a_task_that_a_play_asks_for_cannot_be_taken_away(staff: Staff) -> None:
    tasks = {name: texts for name, texts in messages()["tasks"].items() if name != "callback"}

    status, body = put(staff, "tasks", tasks)

    assert status == 422
    assert "asks for task 'callback'" in body["errors"][0]["message"]


def test_an_sms_that_costs_more_than_one_is_warned_of(staff: Staff) -> None:
    document = SMS | {"pt": SMS["pt"] | {"sms": "Seu pedido não chegou ainda. " * 3}}

    status, body = put(staff, "dispatched", document)

    assert status == 200
    assert [each.split(":")[:2] for each in body["warnings"]] == [["pt", " costs 2 SMS"]]


def test_an_earlier_version_comes_back_as_a_new_one(staff: Staff) -> None:
    put(staff, "welcome", HELLO)

    status, body = post(staff, "welcome/revert", {"version": 0}, if_match='"1"')

    assert (status, body["version"]) == (200, 2)
    assert staff.get("/templates/welcome") == messages()["welcome"]
    assert staff.get("/templates/welcome", version=1) == HELLO


def test_what_ships_with_another_product_cannot_come_back(staff: Staff) -> None:
    put(staff, "lunar_new_year", HELLO)

    assert post(staff, "lunar_new_year/revert", {"version": 0}, if_match='"1"')[0] == 404


def test_the_log_says_who_changed_which_template(staff: Staff, caplog: pytest.LogCaptureFixture) -> None:
    put(staff, "welcome", HELLO)

    (told,) = (vars(each) for each in caplog.records if each.msg == "template changed")
    assert (told["template"], told["version"], told["by"]) == ("welcome", 1, "somebody")


# Showing


def test_a_preview_is_the_message_as_it_would_leave(staff: Staff) -> None:
    status, shown = post(staff, "apology/preview", {"locale": "de", "purpose": "service"}, "agent")

    assert status == 200
    assert shown["text"].startswith("Guten Tag Anna Keller!\n\n")
    assert '<html lang="de"' in shown["html"]
    assert (shown["segments"], shown["warnings"]) == (None, [])


def test_a_preview_of_an_sms_counts_it(staff: Staff) -> None:
    _, shown = post(staff, "out_for_delivery/preview", {"locale": "zh-CN", "channel": "sms"})

    assert (shown["subject"], shown["html"], shown["segments"]) == ("", "", 1)
    assert "#1001" in shown["text"]


def test_a_preview_shows_what_a_country_hears(staff: Staff) -> None:
    _, shown = post(staff, "thank_you/preview", {"locale": "pt-PT", "country": "PT"})

    assert shown["subject"] == "Obrigado pela sua primeira encomenda"


def test_a_preview_shows_it_to_a_customer(staff: Staff) -> None:
    ana = staff.order()

    status, shown = post(staff, "welcome/preview", {"customer": ana, "locale": "de"})

    assert status == 200
    assert "Guten Tag Ana Ruiz!" in shown["text"]
    assert post(staff, "welcome/preview", {"customer": "c" + "0" * 24})[0] == 404


def test_a_draft_is_shown_and_is_not_in_force(staff: Staff) -> None:
    _, shown = post(staff, "welcome/preview", {"document": HELLO})

    assert shown["subject"] == "Hello #1001"
    assert staff.get("/templates/welcome") == messages()["welcome"]


@pytest.mark.parametrize("document", [{"en": HELLO["en"]}, HELLO | {"en": {"subject": "{{ nope }}", "body": "-"}}])
def test_a_draft_with_mistakes_is_told_what_a_change_would_be_told(staff: Staff, document: Any) -> None:
    status, body = post(staff, "welcome/preview", {"document": document})

    assert (status, bool(body["errors"])) == (422, True)


@pytest.mark.parametrize(
    "asked", [{"channel": "sms"}, {"channel": "letter"}, {"locale": "<script>"}, {"country": "es"}]
)
def test_what_cannot_be_shown_is_refused(staff: Staff, asked: Any) -> None:
    assert post(staff, "welcome/preview", asked)[0] in (404, 422)


def test_a_layout_that_hides_the_code_of_coupons_is_refused(staff: Staff) -> None:
    _, layout, _ = staff.ask("GET", "/templates/layout")
    layout["en"]["coupon"] = "There is something for you at the till."

    status, problem = put(staff, "layout", layout)

    assert status == 422
    assert [each["message"] for each in problem["errors"]] == ["layout/en/coupon: hides the code; say {{ code }}"]


# Trying


def test_a_test_goes_to_whoever_asks_marked_as_one_and_is_no_customer_s(staff: Staff, carrier: Carrier) -> None:
    status, body = as_somebody(staff, {"locale": "es"}, email="kim@agency.example")

    (sent,) = carrier.taken
    assert (status, body) == (200, {"locale": "es", "provider_id": "p-1"})
    assert (sent.to, sent.subject) == ("kim@agency.example", "[Test] Te damos la bienvenida a Hearth")
    assert (sent.tags, sent.one_click) == ({}, None)
    assert staff.lane.messages == []


def test_the_next_test_is_no_copy_of_the_last(staff: Staff, carrier: Carrier) -> None:
    for _ in range(2):
        as_somebody(staff, {}, email="kim@agency.example")

    assert len({sent.action_id for sent in carrier.taken}) == 2


def test_a_test_goes_to_a_colleague(staff: Staff, carrier: Carrier) -> None:
    assert as_somebody(staff, {"to": "Jo@Hearth.example"})[0] == 200
    assert carrier.taken[0].to == "Jo@Hearth.example"


@pytest.mark.parametrize(
    ("to", "claims"),
    [
        ("ana@example.com", {}),
        ("ana@example.com", {"email": "kim@agency.example"}),
        ("ana@example.com", {"email": "ana@example.com", "email_verified": "false"}),
        ("x@hearth.example.evil.example", {}),
        ("x@evilhearth.example", {}),
    ],
)
def test_a_test_goes_to_nobody_else(staff: Staff, carrier: Carrier, to: str, claims: dict[str, str]) -> None:
    status, _ = as_somebody(staff, {"to": to}, **claims)

    assert (status, carrier.taken) == (403, [])


def test_a_test_goes_to_no_customer_who_happens_to_have_the_sender_s_domain(staff: Staff, carrier: Carrier) -> None:
    staff.order(email="guest@hearth.example")

    assert as_somebody(staff, {"to": "guest@hearth.example"})[0] == 403
    assert as_somebody(staff, {"to": "guest@hearth.example"}, email="guest@hearth.example")[0] == 200


@pytest.mark.parametrize(
    "to", ["jo@hearth.example\nBcc: all@example.com", "Jo <jo@hearth.example>", "@hearth.example", ""]
)
def test_what_is_no_address_never_reaches_a_header(staff: Staff, carrier: Carrier, to: str) -> None:
    assert (as_somebody(staff, {"to": to})[0], carrier.taken) == (422, [])


def test_without_an_address_there_is_no_test(staff: Staff) -> None:
    assert as_somebody(staff, {})[0] == 422


SHORT = {"channel": "sms", "purpose": "service"}
KIM = "+442071838750"


def test_a_test_by_sms_goes_to_whoever_asks_marked_as_one_and_is_no_customer_s(staff: Staff, carrier: Carrier) -> None:
    status, body = as_somebody(staff, SHORT | {"locale": "de"}, "dispatched", phone_number=KIM)

    (sent,) = carrier.taken
    assert (status, body) == (200, {"locale": "de", "provider_id": "p-1"})
    assert (sent.channel, sent.to, sent.tags) == ("sms", KIM, {})
    assert sent.body.startswith("[Test] Hearth: Ihre Bestellung #1001")
    assert sent.expires_in == timedelta(hours=1)
    assert staff.lane.messages == []


def test_a_test_by_sms_goes_to_a_colleague(staff: Staff, carrier: Carrier) -> None:
    assert as_somebody(staff, SHORT | {"to": "+34612345678"}, "dispatched")[0] == 200
    assert carrier.taken[0].to == "+34612345678"


def test_a_test_by_sms_goes_to_no_customer_but_to_one_who_is_staff(staff: Staff, carrier: Carrier) -> None:
    staff.tell(
        "customer.updated", "ana@example.com", customer={"email": "ana@example.com", "phone": "+34 612 34 56 78"}
    )

    assert as_somebody(staff, SHORT | {"to": "+34612345678"}, "dispatched")[0] == 403
    assert as_somebody(staff, SHORT, "dispatched", phone_number="+34612345678", phone_number_verified="false")[0] == 422
    assert carrier.taken == []
    assert as_somebody(staff, SHORT, "dispatched", phone_number="+34612345678", phone_number_verified="true")[0] == 200


@pytest.mark.parametrize(
    "to",
    ["612345678", "+34 612345678", "+34612345678\n", "+34", "+10000000000", "jo@hearth.example", "+1@hearth.example"],
)
def test_what_is_no_number_gets_no_sms(staff: Staff, carrier: Carrier, to: str) -> None:
    assert (as_somebody(staff, SHORT | {"to": to}, "dispatched")[0], carrier.taken) == (422, [])


def test_a_number_gets_no_email(staff: Staff, carrier: Carrier) -> None:
    assert (as_somebody(staff, {"to": KIM})[0], carrier.taken) == (422, [])


def test_a_template_without_an_sms_is_not_tried_as_one(staff: Staff, carrier: Carrier) -> None:
    assert (as_somebody(staff, SHORT, "welcome", phone_number=KIM)[0], carrier.taken) == (404, [])


@pytest.mark.parametrize(
    ("refusal", "status"),
    [(Rejected("BadRequest"), 422), (Unavailable("Throttled"), 503), (OutcomeUnknown("lost"), 503)],
)
def test_what_the_provider_says_is_told(staff: Staff, carrier: Carrier, refusal: ProviderError, status: int) -> None:
    carrier.refusal = refusal

    assert as_somebody(staff, {}, email="kim@agency.example")[0] == status
