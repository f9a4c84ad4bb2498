"""What `tests/clients/run` prepared: a real Doorward, its command line, and the clients that were created in it."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from notes_api.app import create_app
from notes_api.doorward import Doorward, Settings
from notes_api.service import with_secret

NOTES = "https://notes.example/api"
BILLING = "https://billing.example/api"


class World:
    def __init__(self) -> None:
        if "CLIENTS_WORLD" not in os.environ:
            pytest.exit("CLIENTS_WORLD is not set: start these tests with tests/clients/run", 2)
        self._folder = Path(os.environ["CLIENTS_WORLD"])
        self.issuer = os.environ["CLIENTS_ISSUER"]

    def read(self, path: str) -> dict[str, Any]:
        return json.loads((self._folder / path).read_text())

    def secret(self, client_id: str) -> str:
        return self.read(f"clients/{client_id}.json")["client_secret"]

    def session(
        self, client_id: str, *, resource: str = NOTES, scope: str = "notes:read", method: str = "client_secret_basic"
    ):
        return with_secret(
            self.issuer, client_id, self.secret(client_id), resource=resource, scope=scope, method=method
        )

    def token(self, client_id: str, **options: str) -> str:
        return self.session(client_id, **options).token["access_token"]

    def settings(self, **changes: str) -> Settings:
        usual = {
            "issuer": self.issuer,
            "audience": NOTES,
            "client_id": "notes-api",
            "client_secret": self.secret("notes-api"),
        }
        return Settings(**(usual | changes))

    def doorward(self, *arguments: str) -> str:
        """The command line beside the running server."""
        command = [os.environ["CLIENTS_DOORWARD"], *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def eventually(what: str, holds: Callable[[], bool]) -> None:
    """A change made by the command line is in force within a second; two are allowed, for a machine under load."""
    deadline = time.monotonic() + 2
    while not holds():
        assert time.monotonic() < deadline, f"not so after two seconds: {what}"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def doorward(world: World) -> Iterator[Doorward]:
    connected = Doorward(world.settings())
    yield connected
    connected.close()


@pytest.fixture
def api(world: World) -> Iterator[TestClient]:
    """The notes API, in this process, connected to the real Doorward."""
    with TestClient(create_app(world.settings())) as client:
        yield client


@pytest.fixture(scope="session")
def editor(world: World) -> str:
    return world.token("notes-bot", scope="notes:read notes:write")


@pytest.fixture(scope="session")
def nobody(world: World) -> str:
    """May have tokens for the API, but was never given a role in it."""
    return world.token("nobody", scope="notes:read notes:write")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
