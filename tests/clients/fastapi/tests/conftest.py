"""What `tests/clients/run` prepared: a real Doorward, its command line, and the clients that were created in it."""

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from browser import Browser, Page, sign_in_at
from fastapi.testclient import TestClient

from notes_api.app import create_app
from notes_api.doorward import Doorward, Settings
from notes_api.service import with_secret
from notes_web.app import create_web
from notes_web.sessions import Session, Sessions
from notes_web.sign_in import Settings as WebSettings

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

    @property
    def password(self) -> str:
        return (self._folder / "password").read_text()

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


def eventually(what: str, holds: Callable[[], bool], *, within_s: float = 2) -> None:
    """A change made by the command line is in force within a second; two are allowed, for a machine under load."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not so after {within_s} seconds: {what}"
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


@contextmanager
def serving(app: Any, listening: socket.socket | None = None) -> Iterator[str]:
    """A real socket, for clients that bring their own HTTP."""
    listening = listening or free_socket()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        eventually("the app listens", lambda: server.started, within_s=30)
        yield origin_of(listening)
    finally:
        server.should_exit = True
        thread.join()


def free_socket() -> socket.socket:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    return listening


def origin_of(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


@dataclass
class Web:
    """The web app, with the notes API behind it, on free ports."""

    origin: str
    world: World
    sessions: Sessions

    @property
    def callback(self) -> str:
        return f"{self.origin}/callback"

    @property
    def only_session(self) -> Session | None:
        """What the app keeps and no browser sees."""
        sessions = list(self.sessions._by_id.values())
        assert len(sessions) <= 1
        return sessions[0] if sessions else None

    def sign_in(self, browser: Browser, username: str = "alice", *, path: str = "/login", **how: str) -> Page:
        return self.go_on(browser, browser.open(self.origin + path), username, **how)[0]

    def go_on(
        self, browser: Browser, page: Page | str, username: str = "alice", **how: str
    ) -> tuple[Page | str, list[str]]:
        return sign_in_at(browser, self.world.issuer, page, username, self.world.password, **how)


@pytest.fixture
def web(world: World) -> Iterator[Web]:
    listening = free_socket()
    origin, sessions = origin_of(listening), Sessions()
    with serving(create_app(world.settings())) as api:
        settings = WebSettings(
            issuer=world.issuer,
            client_id="web-fastapi",
            client_secret=world.secret("web-fastapi"),
            origin=origin,
            audience=NOTES,
            notes_url=api,
            session_secret="only for these tests",
        )
        with serving(create_web(settings, sessions), listening):
            yield Web(origin, world, sessions)


@pytest.fixture
def browser() -> Iterator[Browser]:
    opened = Browser()
    yield opened
    opened.http.close()
