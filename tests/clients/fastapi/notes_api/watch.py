"""Reads Doorward's watch stream: server-sent events that name the answers which a write can have changed."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from random import uniform
from typing import Any, NamedTuple, Protocol

import httpx2

log = logging.getLogger(__name__)


class Listener(Protocol):
    def opened(self, revision: int) -> None: ...
    def changed(self, change: dict[str, Any]) -> None: ...
    def closed(self) -> None: ...


class Event(NamedTuple):
    name: str
    data: str
    id: str


async def watch(
    http: httpx2.AsyncClient, url: str, listener: Listener, *, silence_max_s: float = 45.0, retry_s: float = 1.0
) -> None:
    """Until it is cancelled. A stream that ends or breaks is opened again.

    Doorward says every 15 seconds that it is there. Whoever hears nothing for much longer may be at the end of a broken
    line.
    """
    # Where to go on: for a listener that outlives the connection, such as a cache of several processes in Redis.
    last_id = ""
    timeout = httpx2.Timeout(5.0, read=silence_max_s)
    while True:
        try:
            headers = {"Last-Event-ID": last_id} if last_id else {}
            async with http.stream("GET", url, headers=headers, timeout=timeout) as response:
                # Should it be the id that is refused, begin anew.
                if response.status_code == 400:
                    last_id = ""
                response.raise_for_status()
                async for event in _events(response.aiter_lines()):
                    _tell(listener, event)
                    last_id = event.id
            log.info("the watch stream ended")
        except (httpx2.HTTPError, ValueError, LookupError, TypeError) as error:
            log.warning("the watch stream broke: %r", error)
        finally:
            listener.closed()
        # All that watched a node come back at once when it stops; not in the same moment.
        await asyncio.sleep(uniform(0.5, 1.5) * retry_s)


def _tell(listener: Listener, event: Event) -> None:
    match event.name:
        # `reset`: too much was missed, or the history is another one.
        case "open" | "reset":
            listener.opened(int(json.loads(event.data)["revision"]))
        case "change":
            listener.changed(json.loads(event.data))


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    """As the HTML standard says, §9.2.6. A sign of life has an id, and neither name nor data."""
    name, data, id = "", [], ""
    async for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                name = value
            case "data":
                data.append(value)
            case "id":
                id = value
            case "" if not line:
                yield Event(name, "\n".join(data), id)
                name, data = "", []
