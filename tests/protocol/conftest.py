import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import Browser
from support.old import Old, make_old
from support.rules import RULES
from support.world import Client, World


def pytest_configure(config: pytest.Config) -> None:
    if "PROTOCOL_WORLD" not in os.environ:
        pytest.exit("PROTOCOL_WORLD is not set: start these tests with tests/protocol/run", 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        doc = (getattr(item, "function").__doc__ or "").strip()
        assert doc, f"{item.nodeid} cites no clause"
        rules = [rule for mark in item.iter_markers("holds") for rule in mark.args]
        assert rules, f"{item.nodeid} names no line of the standard"
        unknown = set(rules) - set(RULES)
        assert not unknown, f"{item.nodeid}: no such line: {unknown}"
    items.sort(key=lambda item: item.get_closest_marker("late") is not None)


class Counts:
    passed = 0
    # Also what was skipped, or expected to fail: it has shown nothing.
    failed = 0


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.outcome == "passed" and not hasattr(report, "wasxfail"):
        Counts.passed += 1
    elif report.outcome != "passed" or hasattr(report, "wasxfail"):
        Counts.failed += 1


def pytest_collectreport(report: pytest.CollectReport) -> None:
    Counts.failed += report.outcome != "passed"


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    failed = Counts.failed or int(exitstatus != 0)
    (Path(os.environ["PROTOCOL_WORLD"]) / "counts").write_text(f"{Counts.passed} {failed}\n")


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    made = World(os.environ["PROTOCOL_WORLD"])
    yield made
    made.wire.close()


@pytest.fixture(scope="session")
def impatient(world: World) -> Iterator[World]:
    """Another house: its codes live 5 seconds, its tokens 10, and its grace for refresh tokens is 1."""
    made = World(os.environ["PROTOCOL_IMPATIENT"])
    yield made
    made.wire.close()


@pytest.fixture(scope="session", autouse=True)
def old(request: pytest.FixtureRequest, world: World, impatient: World) -> Old | None:
    wanted = any(item.get_closest_marker("late") for item in request.session.items)
    return make_old(world, impatient) if wanted else None


@pytest.fixture
def browser(world: World) -> Browser:
    return world.browser()


@pytest.fixture
def web(world: World) -> Client:
    """A confidential client as the profiles of the conformance suite register it."""
    return world.client("web")


@pytest.fixture
def other(world: World) -> Client:
    return world.client("other")


@pytest.fixture
def person(world: World) -> str:
    """Somebody who has agreed to nothing yet."""
    return world.create_person()
