"""The laptop house hangs together as template.yaml says, and says so when it cannot."""

from datetime import timedelta

import pytest

from infra.local.blueprint import Blueprint, Lane, NotUnderstood, Route, Subscription
from infra.local.house import manners
from infra.local.ministack import PARAMETERS
from infra.local.twins import QUEUES, queue_names, settings_of


@pytest.fixture(scope="module")
def blueprint() -> Blueprint:
    return Blueprint(PARAMETERS)


def test_webhooks_and_links_are_open_and_everything_else_needs_a_token(blueprint: Blueprint) -> None:
    open_routes = {route.path for route in blueprint.routes if not route.authorized}

    events = {"/webhooks/{source}/{store}", "/events/{store}"}
    assert open_routes == events | {"/preferences/{token}", "/u/{token}", "/confirm/{token}", "/r/{token}"}
    assert Route("PUT", "/policy", "AdminApi", authorized=True) in blueprint.routes


def test_each_queue_that_the_code_sends_to_is_read_by_a_function(blueprint: Blueprint) -> None:
    names = queue_names(settings_of(blueprint))

    assert set(names) == set(QUEUES)
    assert set(names.values()) <= {lane.queue for lane in blueprint.lanes}
    assert Lane("OrdersQueue", "ApplyOrders", batch_size=10, reports_failures=True) in blueprint.lanes


def test_one_folder_serves_five_lanes(blueprint: Blueprint) -> None:
    appliers = [name for name, function in blueprint.functions.items() if function.folder.name == "apply"]

    assert sorted(appliers) == ["ApplyBulk", "ApplyInactivity", "ApplyOrders", "ApplyOutcomes", "ApplyTickets"]


def test_queues_have_the_manners_of_the_template(blueprint: Blueprint) -> None:
    orders = manners(blueprint)["OrdersQueue"]

    assert orders.visibility == 6 * blueprint.functions["ApplyOrders"].timeout
    assert orders.max_receives == 5


def test_each_schedule_is_called_as_often_as_the_template_says(blueprint: Blueprint) -> None:
    assert {each.function: each.every for each in blueprint.schedules} == {
        "Sweep": timedelta(minutes=1),
        "Reconcile": timedelta(minutes=10),
        "Watch": timedelta(minutes=15),
    }


@pytest.mark.parametrize(("url", "found"), [("", "Api.ApiEndpoint"), ("https://shop.example", "https://shop.example")])
def test_links_lead_to_the_api_or_to_what_stands_before_it(url: str, found: str) -> None:
    senders = Blueprint({**PARAMETERS, "PublicUrl": url}).functions

    assert {senders[name].environment["LINKS_URL"] for name in ("SendEmail", "SendSms")} == {found}


def test_functions_get_their_environment_with_parameters_in_place(blueprint: Blueprint) -> None:
    settings = settings_of(blueprint)

    assert PARAMETERS["BrandName"] == settings.BRAND_NAME
    assert settings.TABLE_NAME == "CustomersTable"


def test_what_cannot_be_resolved_on_a_laptop_is_named(blueprint: Blueprint) -> None:
    with pytest.raises(NotUnderstood, match="Fn::ImportValue"):
        blueprint.resolve({"Fn::ImportValue": "elsewhere"})


def test_queues_that_hear_a_topic_are_known_and_those_who_get_alarms_by_email_are_not(blueprint: Blueprint) -> None:
    assert blueprint.subscriptions == (Subscription("ReceiptsTopic", "ReceiptsQueue", is_raw=False),)
