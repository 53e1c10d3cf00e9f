"""The laptop house hangs together as template.yaml says, and says so when it cannot."""

from datetime import timedelta

import pytest

from infra.local.blueprint import Blueprint, Lane, NotUnderstood, Route
from infra.local.house import manners
from infra.local.ministack import PARAMETERS
from infra.local.twins import QUEUES, queue_names, settings_of


@pytest.fixture(scope="module")
def blueprint() -> Blueprint:
    return Blueprint(PARAMETERS)


def test_webhooks_are_open_and_everything_else_needs_a_token(blueprint: Blueprint) -> None:
    open_routes = {route.path for route in blueprint.routes if not route.authorized}

    assert open_routes == {"/webhooks/{source}/{store}", "/events/{store}"}
    assert Route("PUT", "/policy", "AdminApi", authorized=True) in blueprint.routes


def test_each_queue_that_the_code_sends_to_is_read_by_a_function(blueprint: Blueprint) -> None:
    names = queue_names(settings_of(blueprint))

    assert set(names) == set(QUEUES)
    assert set(names.values()) == {lane.queue for lane in blueprint.lanes}
    assert Lane("OrdersQueue", "ApplyOrders", batch_size=10, reports_failures=True) in blueprint.lanes


def test_one_folder_serves_four_lanes(blueprint: Blueprint) -> None:
    appliers = [name for name, function in blueprint.functions.items() if function.folder.name == "apply"]

    assert sorted(appliers) == ["ApplyInactivity", "ApplyOrders", "ApplyOutcomes", "ApplyTickets"]


def test_queues_have_the_manners_of_the_template(blueprint: Blueprint) -> None:
    orders = manners(blueprint)["OrdersQueue"]

    assert orders.visibility == 6 * blueprint.functions["ApplyOrders"].timeout
    assert orders.max_receives == 5


def test_the_sweep_is_called_every_minute(blueprint: Blueprint) -> None:
    assert [(each.function, each.every) for each in blueprint.schedules] == [("Sweep", timedelta(minutes=1))]


def test_functions_get_their_environment_with_parameters_in_place(blueprint: Blueprint) -> None:
    settings = settings_of(blueprint)

    assert PARAMETERS["BrandName"] == settings.BRAND_NAME
    assert settings.TABLE_NAME == "CustomersTable"


def test_what_cannot_be_resolved_on_a_laptop_is_named(blueprint: Blueprint) -> None:
    with pytest.raises(NotUnderstood, match="Fn::ImportValue"):
        blueprint.resolve({"Fn::ImportValue": "elsewhere"})
