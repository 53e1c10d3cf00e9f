"""The admin function behind the laptop's gateway: who may ask, what is answered, and that no input breaks it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.admin_api import app
from infra.local.blueprint import Route
from infra.local.database import Database
from infra.local.http import Gateway, Request, Response
from infra.local.permissions import GuardedQueue, GuardedTable, Permissions, at_work
from infra.local.sqlite_table import SqliteTable
from infra.local.tokens import Signer
from infra.local.twins import NO_BUCKET
from perennial.admin.quarantine import QuarantineDesk
from perennial.admin.roles import LEAST_ROLE, Role
from perennial.aws import wiring
from perennial.aws.policies import Policies
from perennial.aws.quarantine import Entry as Kept
from perennial.aws.quarantine import Quarantine
from perennial.aws.settings import Settings
from perennial.aws.table import Busy, Item, Key, Put
from perennial.domain.events import parse_event
from tests.engine_lives import MovedClock, Outbound, the_policy
from tests.messaging import LOCALES

NOON = datetime(2026, 6, 15, 12, 0, 0, 250_000, tzinfo=UTC)
SIGNER = Signer("the house's key")
ROUTES = [Route(*name.split(" "), "AdminApi", authorized=True) for name in LEAST_ROLE]
LAMBDA = SimpleNamespace(function_name="admin", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="1")
SETTINGS = {name: "x" for name, known in Settings.model_fields.items() if known.is_required()}
ROLES = ("viewer", "agent", "admin")
PERMISSIONS = Permissions.of_the_template()


@dataclass
class Staff:
    """A house with an admin API, an engine, and a clock that is moved by hand."""

    table: SqliteTable = field(default_factory=lambda: SqliteTable(Database()))
    clock: MovedClock = field(default_factory=lambda: MovedClock(NOON))
    lane: Outbound = field(default_factory=Outbound)
    told: int = 0

    def __post_init__(self) -> None:
        queues = {
            f"queue_{name}": GuardedQueue(f"{name.title()}Queue", self.lane, PERMISSIONS)
            for name in ("orders", "tickets", "outcomes", "fetches", "privacy", "email", "sms", "notices")
        }
        wiring.install(
            settings=Settings(**SETTINGS),
            table=GuardedTable(self.table, PERMISSIONS),
            clock=self.clock,
            secrets=None,
            identity_secret=b"key",
            bucket=NO_BUCKET,
            **queues,
        )

    def ask(
        self, method: str, path: str, role: str = "admin", body: str | bytes = b"", **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, body (as JSON where it is) and headers."""
        token = SIGNER.token({"cognito:groups": [role]}, self.clock.wall())
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | {"authorization": f"Bearer {token}"}
        data = body.encode() if isinstance(body, str) else body
        answer = self._gateway().answer(Request(method, path, {"content-type": "application/yaml"} | sent, data))
        return answer.status, _read(answer), dict(answer.headers)

    def get(self, path: str, role: str = "admin", **query: Any) -> Any:
        status, body, _ = self.ask("GET", f"{path}?{urlencode(query)}" if query else path, role)
        assert status == 200, body
        return body

    def tell(self, kind: str, email: str = "ana@example.com", store: str = "demo", **data: Any) -> str:
        """An event happens now and is applied; returns whose it is."""
        self.told += 1
        person = {"email": email, "country": "ES"}
        if email == "ana@example.com":
            person |= {"phone": "+34 612 345 678", "name": "Ana Ruiz"}
        document = {
            "type": kind,
            "id": f"e{self.told}",
            "source": "test",
            "store": store,
            "time": self.clock.now().isoformat(),
            "data": {"customer": person, **data},
        }
        assert wiring.engine().apply([parse_event(json.dumps(document))], self.clock.now()) == {}
        found: str = self.get("/customers", email=email, store=store)["customers"][0]["id"]
        return found

    def order(self, number: int = 1, email: str = "ana@example.com", store: str = "demo") -> str:
        total = {"amount": "120.00", "currency": "USD"}
        return self.tell(
            "order.placed", email, store, order={"id": str(number), "name": f"#{1000 + number}", "total": total}
        )

    def orders(self, count: int, email: str = "ana@example.com", store: str = "demo") -> str:
        """Several orders at once; from the second on there is a rhythm, and so a score."""
        return [self.order(self.told + 1, email, store) for _ in range(count)][-1]

    def _gateway(self) -> Gateway:
        def invoke(function: str, event: dict[str, Any]) -> Any:
            with at_work(function):
                return json.loads(json.dumps(app.handler(json.loads(json.dumps(event)), LAMBDA)))

        return Gateway(ROUTES, invoke, SIGNER, self.clock.wall, own={})


def _read(answer: Response) -> Any:
    assert isinstance(answer.body, bytes)
    is_json = "json" in answer.headers["content-type"]
    return json.loads(answer.body) if is_json else answer.body.decode()


@pytest.fixture
def staff() -> Iterator[Staff]:
    wiring.reset()
    yield Staff()
    wiring.reset()


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize("role", ["nobody", *ROLES])
@pytest.mark.parametrize("name", LEAST_ROLE)
def test_each_route_is_open_from_its_least_role_on(staff: Staff, name: str, role: str) -> None:
    method, path = name.split(" ")

    status, body, _ = staff.ask(method, path.replace("{id}", "c1"), role)

    is_high_enough = role in ROLES and Role[role.upper()] >= LEAST_ROLE[name]
    assert (status != 403) == is_high_enough
    if not is_high_enough:
        assert body["title"] == "Forbidden"


@pytest.mark.parametrize(
    ("method", "target", "role"),
    [
        ("GET", "/quarantine?limit=none", "viewer"),
        ("GET", "/quarantine?limits=1", "agent"),
        ("POST", "/quarantine/q.1/replay", "agent"),
        ("GET", "/customers?stage=nowhere", "nobody"),
        ("GET", "/customers/ana@example.com", "nobody"),
    ],
)
def test_who_may_not_ask_is_not_told_what_is_wrong_with_the_question(
    staff: Staff, method: str, target: str, role: str
) -> None:
    assert staff.ask(method, target)[0] == 422

    assert staff.ask(method, target, role)[0] == 403


def test_a_refused_change_changes_nothing(staff: Staff) -> None:
    document = json.dumps(staff.get("/policy") | {"name": "theirs"})

    status, _, _ = staff.ask("PUT", "/policy", "agent", document, if_match='"1"')

    assert status == 403
    assert staff.get("/policy")["version"] == 1


def test_the_log_says_what_was_asked_in_which_role_and_not_for_whom(
    staff: Staff, caplog: pytest.LogCaptureFixture
) -> None:
    ana = staff.order()
    staff.get("/customers", "viewer", email="ana@example.com")
    staff.get(f"/customers/{ana}", "agent")
    for typed in ("ana@example.com", "34612345678"):
        staff.ask("GET", f"/customers/{typed}")

    logged = [vars(record) for record in caplog.records]
    told = [(each["route"], each["role"], each["id"]) for each in logged]
    assert told[1:] == [
        ("GET /customers", "viewer", None),
        ("GET /customers/{id}", "agent", ana),
        ("GET /customers/{id}", "admin", None),
        ("GET /customers/{id}", "admin", None),
    ]
    assert "ana@" not in str(logged)
    assert "34612345678" not in str(logged)


# ---------------------------------------------------------------- finding


@pytest.mark.parametrize(
    "query",
    [
        {"email": " Ana@Example.com "},
        {"phone": "+34612345678"},
        {"phone": "34 612 345 678"},
        {"phone": "0034-612-345-678"},
        {"order": "1"},
        {"order": "#1001"},
        {"order": "1001"},
        {"order": "1", "store": "demo"},
    ],
)
def test_a_customer_is_found_by_what_somebody_types(staff: Staff, query: dict[str, str]) -> None:
    ana = staff.order()

    found = staff.get("/customers", "viewer", **query)

    assert [each["id"] for each in found["customers"]] == [ana]
    assert found["cursor"] is None


@pytest.mark.parametrize(
    "query", [{"email": "eva@example.com"}, {"phone": "+34612345679"}, {"order": "2"}, {"order": "1", "store": "other"}]
)
def test_nobody_is_found_by_what_is_nobody_s(staff: Staff, query: dict[str, str]) -> None:
    staff.order()

    assert staff.get("/customers", **query) == {"customers": [], "cursor": None}


def test_a_plus_that_came_as_a_blank_is_a_plus(staff: Staff) -> None:
    ana = staff.order()

    status, body, _ = staff.ask("GET", "/customers?phone=+34612345678")

    assert (status, [each["id"] for each in body["customers"]]) == (200, [ana])


def test_an_order_s_id_and_another_s_name_may_be_the_same(staff: Staff) -> None:
    ana, eva = staff.order(1), staff.order(1001, "eva@example.com")

    found = staff.get("/customers", order="1001")["customers"]

    assert {each["id"] for each in found} == {ana, eva}


@pytest.mark.parametrize("role", ROLES)
def test_a_list_shows_where_customers_stand_and_not_who_they_are(staff: Staff, role: str) -> None:
    ana = staff.orders(2)

    (line,) = staff.get("/customers", role, stage="onboarding")["customers"]

    assert line.pop("due_at") > NOON.isoformat()
    assert datetime.fromisoformat(line.pop("last_order_at")) == NOON
    assert 0 < line.pop("score") < 100
    assert line.pop("band") in the_policy().score.bands
    assert line == {
        "id": ana,
        "store": "demo",
        "stage": "onboarding",
        "label": "new",
        "country": "ES",
        "orders": 2,
        "value": "240",
        "points": 0,
        "name": "A. R.",
        "email": "a***@e***.com",
    }


def test_a_list_comes_in_pages_that_together_show_everybody_once(staff: Staff) -> None:
    ids = {staff.order(number, f"c{number}@example.com") for number in range(1, 18)}

    found: list[str] = []
    cursor: str | None = None
    while True:
        page = staff.get("/customers", stage="onboarding", limit=5, **({"cursor": cursor} if cursor else {}))
        found += [each["id"] for each in page["customers"]]
        assert len(page["customers"]) <= 5
        if (cursor := page["cursor"]) is None:
            break

    assert sorted(found) == sorted(ids)


def test_a_list_is_narrowed_by_stage_label_band_and_store(staff: Staff) -> None:
    ana = staff.orders(2)
    eva = staff.tell("product.viewed", "eva@example.com")
    uma = staff.orders(2, "uma@example.com", "other")

    def ids(**query: str) -> set[str]:
        return {each["id"] for each in staff.get("/customers", **query)["customers"]}

    assert ids() == {ana, eva, uma}
    assert ids(label="prospect") == {eva}
    assert ids(label="new") == {ana, uma}
    assert ids(label="new", store="other") == {uma}
    assert ids(label="new", band="healthy") == {ana, uma}
    assert ids(label="new", band="critical") == set()
    assert ids(stage="winback") == set()


@pytest.mark.parametrize(
    "query",
    [
        {"email": "ana@example.com", "phone": "+34612345678"},
        {"email": "ana@example.com", "stage": "onboarding"},
        {"order": "1", "band": "steady"},
        {"order": "1", "cursor": "x"},
        {"stage": "onbording"},
        {"stage": ""},
        {"label": "old"},
        {"band": "Not A Name"},
        {"limit": 0},
        {"limit": 201},
        {"limit": "ten"},
        {"cursor": "x"},
        {"cursor": "x" * 5000},
        {"email": "a" * 321},
        {"emial": "ana@example.com"},
        {"store": "No Slug"},
    ],
)
def test_a_question_that_makes_no_sense_is_answered_with_what_is_wrong(staff: Staff, query: dict[str, Any]) -> None:
    status, body, headers = staff.ask("GET", f"/customers?{urlencode(query)}")

    assert (status, headers["content-type"]) == (422, "application/problem+json")
    assert body["status"] == 422
    assert body["detail"]
    assert not [value for value in query.values() if len(str(value)) > 4 and str(value) in json.dumps(body)]


def test_who_was_erased_since_the_index_was_read_is_left_out(staff: Staff) -> None:
    ana = staff.order()
    index: dict[str, str | int] = {"directory": "onboarding#0", "directory_rank": "new#steady#ghost"}
    staff.table.write([Put(Item(Key("C#ghost", "LEFTOVER"), "", index))])

    assert [each["id"] for each in staff.get("/customers")["customers"]] == [ana]


# ---------------------------------------------------------------- one customer


def test_whoever_cannot_keep_up_with_the_mirror_is_offered_a_coach(staff: Staff) -> None:
    ana = staff.order()
    staff.clock.time += timedelta(days=7)
    staff.tell("ticket.opened", ticket={"id": "t1", "text": "I can't keep up and want to return it"})

    page = staff.get(f"/customers/{ana}", "agent")

    assert (page["stage"], page["label"]) == ("onboarding", "new")
    assert "1-to-1 coach" in page["script"][0]
    assert len(page["script"]) == 3
    assert page["authority"] == {"refund": "50", "coupon_percent": 15, "points": 200}
    assert page["business"]["open_tickets"] == 1
    assert page["business"]["value"] == "120"
    assert [order["state"] for order in page["business"]["recent_orders"]] == ["placed"]


def test_the_script_follows_what_happens(staff: Staff) -> None:
    ana = staff.order()
    staff.tell("product.activated", order="1")

    page = staff.get(f"/customers/{ana}", "agent")

    assert page["stage"] == "retention"
    assert page["script"] == [line.say for line in the_policy().scripts["retention"][1:]]


def test_the_page_s_score_is_of_now_and_made_of_its_parts(staff: Staff) -> None:
    ana = staff.orders(2)
    before = staff.get(f"/customers/{ana}")

    staff.clock.time += timedelta(days=20)
    after = staff.get(f"/customers/{ana}")

    assert after["score"] < before["score"]
    assert after["version"] == before["version"]
    assert round(sum(part["points"] for part in after["parts"]), 2) == after["score"]


def test_viewers_see_a_masked_profile_and_agents_the_whole(staff: Staff) -> None:
    ana = staff.order()

    masked, whole = (staff.get(f"/customers/{ana}", role)["profile"] for role in ("viewer", "agent"))

    assert (masked["name"], masked["email"], masked["phone"]) == ("A. R.", "a***@e***.com", "+34*****678")
    assert (whole["name"], whole["email"], whole["phone"]) == ("Ana Ruiz", "ana@example.com", "+34 612 345 678")


def test_what_waits_for_time_and_for_people_is_on_the_page(staff: Staff) -> None:
    ana = staff.order()
    staff.tell("product.activated", order="1")
    staff.tell("order.delivered", order={"id": "1"})
    waiting = {wait["play"] for wait in staff.get(f"/customers/{ana}")["waits"]}

    staff.clock.time += timedelta(days=90)
    staff.tell("product.viewed")
    page = staff.get(f"/customers/{ana}")

    assert waiting >= {"day-30-report", "day-90-call"}
    (task,) = page["tasks"]
    assert (task["task"], task["play"]) == ("callback", "day-90-call")
    assert task["texts"]["en"]["title"] == "Call the customer back"
    assert task["texts"].keys() == set(LOCALES)


def test_a_task_that_the_catalogue_forgot_is_shown_without_words(staff: Staff) -> None:
    ana = staff.order()
    staff.tell("product.activated", order="1")
    staff.tell("order.delivered", order={"id": "1"})
    staff.clock.time += timedelta(days=90)
    staff.tell("product.viewed")

    forgetful = wiring.catalogue().model_copy(update={"tasks": {}})
    wiring.install(templates=SimpleNamespace(catalogue=lambda: forgetful))
    page = staff.get(f"/customers/{ana}")

    assert [task["texts"] for task in page["tasks"]] == [{}]


@pytest.mark.parametrize("path", ["/customers/c0", "/customers/c0/timeline", "/customers/c0/explain"])
def test_whom_nobody_knows_is_not_found(staff: Staff, path: str) -> None:
    status, body, headers = staff.ask("GET", path)

    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert body["title"] == "Not Found"


# ---------------------------------------------------------------- the timeline


def test_the_timeline_tells_what_happened_and_what_came_of_it(staff: Staff) -> None:
    ana = staff.order()
    staff.clock.time += timedelta(hours=1)
    staff.tell("order.shipped", order={"id": "1"})

    newest, oldest = staff.get(f"/customers/{ana}/timeline", "agent")["entries"]

    assert (newest["type"], oldest["type"]) == ("order.shipped", "order.placed")
    assert oldest["data"] == {"order": {"id": "1", "name": "#1001", "total": {"amount": "120.00", "currency": "USD"}}}
    assert (oldest["before"]["stage"], oldest["after"]["stage"]) == ("awareness", "onboarding")
    assert {(each["play"], each["did"]) for each in oldest["outcomes"]} >= {("first-order-thanks", "sent")}
    assert [message["template"] for message in newest["messages"]] == ["dispatched"]
    assert "ana" not in json.dumps([newest, oldest]).lower()


def test_what_people_wrote_is_for_agents_only(staff: Staff) -> None:
    ana = staff.tell("ticket.opened", ticket={"id": "t1", "subject": "Mirror", "text": "It is cracked"})

    def texts(role: str) -> Any:
        return staff.get(f"/customers/{ana}/timeline", role)["entries"][0]["texts"]

    assert texts("viewer") == {}
    assert texts("agent") == {"subject": "Mirror", "text": "It is cracked"}


def test_a_cart_s_secret_link_is_for_nobody(staff: Staff) -> None:
    cart = {"id": "k", "url": "https://shop.example/recover/s3cret"}
    ana = staff.tell("cart.abandoned", cart=cart)

    assert "s3cret" not in json.dumps(staff.get(f"/customers/{ana}/timeline", "admin"))


def test_the_timeline_comes_in_pages(staff: Staff) -> None:
    ana = staff.order()
    for _ in range(6):
        staff.clock.time += timedelta(minutes=1)
        staff.tell("product.viewed")

    first = staff.get(f"/customers/{ana}/timeline", limit=4)
    rest = staff.get(f"/customers/{ana}/timeline", limit=4, cursor=first["cursor"])

    times = [entry["at"] for entry in first["entries"] + rest["entries"]]
    assert len(times) == 7
    assert times == sorted(times, reverse=True)
    assert rest["cursor"] is None


# ---------------------------------------------------------------- explanations


def test_an_explanation_quotes_the_rules_and_adds_up(staff: Staff) -> None:
    ana = staff.orders(2)

    told = staff.get(f"/customers/{ana}/explain", "viewer")

    assert told["stage"]["quote"] == {
        "if": "!customer.activated",
        "within": {"first_order": "30d"},
        "stage": "onboarding",
    }
    assert told["stage"]["because"] == [
        "!customer.activated holds: activated is False",
        "first purchase 0.0 days ago, at most 30d ago",
    ]
    assert sum(part["hundredths"] for part in told["parts"]) == told["hundredths"]
    assert {each["name"]: each["because"] for each in told["left_out"]}["resolution"] == "no ticket yet"
    assert told["due"]["because"]


def test_of_whom_too_little_is_known_the_explanation_says_what_is_missing(staff: Staff) -> None:
    told = staff.get(f"/customers/{staff.order()}/explain", "viewer")

    assert (told["score"], told["parts"]) == (None, [])
    missing = {each["name"]: each["because"] for each in told["left_out"]}
    assert missing["rhythm"] == "too few purchases to tell a rhythm"


def test_a_past_instant_is_explained_as_it_was_decided_then(staff: Staff) -> None:
    ana = staff.order()
    staff.clock.time += timedelta(minutes=1)
    staff.order(2)
    then = staff.clock.now()
    staff.clock.time += timedelta(days=20)
    staff.tell("product.activated", order="1")
    entries = staff.get(f"/customers/{ana}/timeline")["entries"]

    told = staff.get(f"/customers/{ana}/explain", at=then.isoformat())
    elsewhere = staff.get(f"/customers/{ana}/explain", at=then.astimezone(tz=None).isoformat())

    assert told["stage"]["name"] == "onboarding"
    assert told["score"] == entries[-2]["after"]["score"] > 0
    assert told == elsewhere
    assert staff.get(f"/customers/{ana}/explain", at=entries[0]["decided_at"])["score"] == entries[0]["after"]["score"]
    assert staff.get(f"/customers/{ana}/explain")["stage"]["name"] == "retention"


def test_a_past_instant_is_explained_by_the_policy_of_its_time(staff: Staff) -> None:
    ana = staff.orders(2)
    then = staff.clock.now()
    document = staff.get("/policy")
    document["score"]["parts"]["rhythm"]["weight"] = 0
    staff.clock.time += timedelta(days=1)
    assert staff.ask("PUT", "/policy", "admin", json.dumps(document), if_match='"1"')[0] == 200
    staff.tell("product.viewed")

    before, after = staff.get(f"/customers/{ana}/explain", at=then.isoformat()), staff.get(f"/customers/{ana}/explain")

    assert (before["policy"], after["policy"]) == (1, 2)
    assert [part["name"] for part in before["parts"]] == ["rhythm"]
    assert {"name": "rhythm", "because": "the policy gives it no weight"} in after["left_out"]


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (NOON - timedelta(milliseconds=1), 404),
        (NOON, 200),
        (NOON + timedelta(days=1), 200),
        (NOON + timedelta(days=1, milliseconds=1), 422),
        ("0001-01-01T00:00:00+14:00", 404),
        ("9999-12-31T23:59:59-14:00", 422),
        ("2026-06-15", 422),
        ("2026-06-15T12:00:00", 422),
        ("yesterday", 422),
    ],
)
def test_only_what_was_known_can_be_explained(staff: Staff, at: datetime | str, status: int) -> None:
    ana = staff.order()
    staff.clock.time += timedelta(days=1)
    asked = at if isinstance(at, str) else at.isoformat()

    assert staff.ask("GET", f"/customers/{ana}/explain?{urlencode({'at': asked})}")[0] == status


def test_a_history_that_is_too_long_is_not_worked_out(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    ana = staff.order()
    staff.tell("product.viewed")
    monkeypatch.setattr("perennial.admin.desk.LONGEST_HISTORY", 1)

    status, _, _ = staff.ask("GET", f"/customers/{ana}/explain?{urlencode({'at': NOON.isoformat()})}")

    assert status == 422
    assert staff.get(f"/customers/{ana}/explain")


# ---------------------------------------------------------------- the policy


def test_a_policy_is_changed_by_sending_back_what_was_read(staff: Staff) -> None:
    for version, accept in enumerate(("application/json", "application/yaml"), start=1):
        status, document, headers = staff.ask("GET", "/policy", "viewer", accept=accept)
        assert (status, headers["etag"], headers["content-type"]) == (200, f'"{version}"', accept)
        text = document if isinstance(document, str) else json.dumps(document)

        status, body, headers = staff.ask("PUT", "/policy", body=text, if_match=headers["etag"], content_type=accept)

        assert (status, body, headers["etag"]) == (200, {"version": version + 1, "warnings": []}, f'"{version + 1}"')
        assert wiring.policies().latest() == the_policy().model_copy(update={"version": version + 1})


def test_a_policy_that_is_one_and_looks_forgotten_is_warned_of(staff: Staff) -> None:
    document = staff.get("/policy")
    document["festivals"][0]["dates"] = ["2020-01-25"]

    status, body, _ = staff.ask("PUT", "/policy", body=json.dumps(document), if_match='"1"')

    assert (status, body["version"]) == (200, 2)
    assert body["warnings"] == [
        "festival 'lunar-new-year' has no day left: write those of the coming years, or take it out"
    ]


def test_a_coupon_that_no_text_would_show_is_warned_of(staff: Staff) -> None:
    document = staff.get("/policy")
    play = next(each for each in document["plays"] if each["id"] == "congratulation")
    play["do"]["coupon"] = {"kind": "percent", "value": "10", "expires": "14d"}

    status, body, _ = staff.ask("PUT", "/policy", body=json.dumps(document), if_match='"1"')

    assert status == 200
    assert body["warnings"] == [
        "play 'congratulation' gives a coupon that 'congratulation' hides in en, zh-Hans, es, pt, de, fr, ja:"
        " say {{ coupon }}"
    ]


def test_a_policy_s_words_survive_in_every_alphabet(staff: Staff) -> None:
    _, text, _ = staff.ask("GET", "/policy", accept="application/yaml")
    changed = text.replace("name: Perennial", "name: 常青 🌿 Perennial")

    assert staff.ask("PUT", "/policy", body=changed, if_match='"1"')[0] == 200

    assert staff.get("/policy")["name"].startswith("常青 🌿")
    assert "常青" in staff.ask("GET", "/policy", accept="application/yaml")[1]


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ({}, 428),
        ({"if_match": '"2"'}, 412),
        ({"if_match": "1"}, 412),
        ({"if_match": "*"}, 412),
        ({"if_match": "é"}, 412),
    ],
)
def test_a_change_must_say_which_version_it_changes(staff: Staff, if_match: dict[str, str], status: int) -> None:
    document = json.dumps(staff.get("/policy"))

    assert staff.ask("PUT", "/policy", body=document, **if_match)[0] == status
    assert staff.get("/policy")["version"] == 1


def test_of_two_changes_to_one_version_the_first_wins(staff: Staff) -> None:
    document = staff.get("/policy")

    first, _, _ = staff.ask("PUT", "/policy", body=json.dumps(document | {"name": "first"}), if_match='"1"')
    second, problem, _ = staff.ask("PUT", "/policy", body=json.dumps(document | {"name": "second"}), if_match='"1"')

    assert (first, second) == (200, 412)
    assert "version 2" in problem["detail"]
    assert staff.get("/policy")["name"] == "first"


def test_what_somebody_else_changed_is_read_at_once(staff: Staff) -> None:
    document = staff.get("/policy")
    elsewhere = Policies(staff.table, staff.clock, the_policy)
    elsewhere.activate(the_policy().model_copy(update={"version": 2, "name": "theirs"}), over=1)

    assert staff.get("/policy") == document | {"version": 2, "name": "theirs"}


def test_every_mistake_is_told_with_its_line(staff: Staff) -> None:
    _, text, _ = staff.ask("GET", "/policy", accept="application/yaml")
    wrong = text.replace("email: tutorial", "email: tutorail").replace("stale_after: 7d", "stale_after: soon")
    wrong_line = wrong.splitlines().index("stale_after: soon") + 1

    status, body, _ = staff.ask("PUT", "/policy", body=wrong, if_match='"1"')

    assert status == 422
    assert {"where": "stale_after", "line": wrong_line} == {
        name: value for name, value in body["errors"][0].items() if name != "message"
    }
    assert staff.get("/policy")["version"] == 1


def test_a_template_that_does_not_exist_is_a_mistake(staff: Staff) -> None:
    _, text, _ = staff.ask("GET", "/policy", accept="application/yaml")

    _, body, _ = staff.ask("PUT", "/policy", body=text.replace("email: tutorial", "email: tutorail"), if_match='"1"')

    (fault,) = body["errors"]
    assert fault["where"].endswith("do.email")
    assert "tutorial" in fault["message"]


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[]", b"{", b"a: &x [*x]", b"x: " + b"[" * 5000, b"\x00"])
def test_what_is_no_policy_is_refused(staff: Staff, body: bytes) -> None:
    assert staff.ask("PUT", "/policy", body=body, if_match='"1"')[0] == 422


# ---------------------------------------------------------------- quarantine


def kept(number: int = 1, payload: bytes = b"{}", source: str = "open") -> Kept:
    return Kept(
        id=f"q{number}",
        source=source,
        store="demo",
        received_at=NOON + timedelta(minutes=number),
        reason="type: Field required",
        payload=payload,
    )


def test_quarantine_is_listed_newest_first_without_payloads(staff: Staff) -> None:
    for number in range(5):
        Quarantine(staff.table).put(kept(number, b'{"email":"ana@example.com"}'))

    first = staff.get("/quarantine", limit=3)
    rest = staff.get("/quarantine", limit=3, cursor=first["cursor"])

    assert [entry["id"] for entry in first["entries"] + rest["entries"]] == ["q4", "q3", "q2", "q1", "q0"]
    assert first["entries"][0]["expires_on"] == "2026-07-15"
    assert "ana" not in json.dumps(first)


def test_what_can_be_understood_by_now_goes_out_and_away(staff: Staff) -> None:
    event = {
        "specversion": "1.0",
        "type": "customer.signed_up",
        "id": "e",
        "source": "shop",
        "time": NOON.isoformat(),
        "data": {"customer": {"email": "ana@example.com"}},
    }
    Quarantine(staff.table).put(kept(payload=json.dumps(event).encode()))

    status, body, _ = staff.ask("POST", "/quarantine/q1/replay")

    assert (status, body) == (200, {"accepted": 1, "quarantined": [], "ignored": []})
    assert [parse_event(message.body).type for message in staff.lane.messages] == ["customer.signed_up"]
    assert staff.get("/quarantine")["entries"] == []


def test_what_cannot_be_understood_yet_stays(staff: Staff) -> None:
    Quarantine(staff.table).put(kept())

    _, body, _ = staff.ask("POST", "/quarantine/q1/replay")

    assert body["accepted"] == 0
    assert len(body["quarantined"]) == 1
    assert len(staff.get("/quarantine")["entries"]) == 1


def test_an_entry_that_is_gone_is_not_found(staff: Staff) -> None:
    assert staff.ask("POST", "/quarantine/q9/replay")[0] == 404


# ---------------------------------------------------------------- garbage

ANYTHING = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NAMES = st.sampled_from(["email", "phone", "order", "stage", "label", "band", "store", "limit", "cursor", "at", "x"])
VALUES = st.one_of(
    st.text(max_size=30), st.sampled_from(["new", "1", "-1", "1e9", "NaN", "a,b", "2026-01-01T00:00:00Z"])
)
PATHS = st.sampled_from(
    ["/customers", "/customers/{}", "/customers/{}/timeline", "/customers/{}/explain", "/quarantine"]
)


@ANYTHING
@given(path=PATHS, customer=st.text(min_size=1, max_size=20), query=st.lists(st.tuples(NAMES, VALUES), max_size=4))
def test_no_question_breaks_it(staff: Staff, path: str, customer: str, query: list[tuple[str, str]]) -> None:
    known = staff.order()
    for each in (customer, known):
        status, _, _ = staff.ask("GET", f"{path.format(quote(each, safe=''))}?{urlencode(query)}")

        assert status in (200, 404, 422)


@ANYTHING
@given(
    body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode), if_match=st.text(max_size=8) | st.just('"1"')
)
def test_no_body_breaks_it(staff: Staff, body: bytes, if_match: str) -> None:
    assert staff.ask("PUT", "/policy", body=body, if_match=if_match)[0] in (412, 422)
    assert staff.ask("POST", f"/quarantine/{quote(body, safe='') or 'x'}/replay", body=body)[0] in (404, 422)


def test_a_busy_table_is_a_reason_to_ask_again(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any) -> Any:
        raise Busy("throttled")

    monkeypatch.setattr(staff.table, "get", busy)

    assert staff.ask("GET", "/customers/c0")[0] == 503


def test_an_answer_of_another_shape_than_promised_is_our_fault(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuarantineDesk, "list", lambda *_: {"entries": "none"})

    assert staff.ask("GET", "/quarantine")[0] == 500


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_what_is_not_there_is_not_found(staff: Staff, method: str) -> None:
    assert staff.ask(method, "/nothing")[0] == 404


# Imports, of which test_import_in_the_cloud.py tells the rest


@pytest.mark.parametrize("kind", ["multipart/form-data", "application/x-www-form-urlencoded", "text/plain"])
def test_what_should_be_json_and_is_not_is_refused(staff: Staff, kind: str) -> None:
    status, body, _ = staff.ask("POST", "/imports", body='{"file": "a.csv"}', content_type=kind)

    assert (status, body["errors"][0]["where"]) == (422, "body")


def test_an_import_without_a_bucket_says_what_to_do(staff: Staff) -> None:
    wanted = json.dumps({"file": "orders.csv", "mapping": "shopify-orders"})

    status, body, _ = staff.ask("POST", "/imports", body=wanted, content_type="application/json")

    assert (status, "make import" in body["detail"]) == (503, True)
    assert staff.get("/imports") == {"imports": [], "cursor": None}


def test_of_an_import_that_never_was_nothing_is_told(staff: Staff) -> None:
    for method, path in (("GET", ""), ("GET", "/report"), ("POST", "/cancel")):
        assert staff.ask(method, f"/imports/nobodys{path}")[0] == 404
