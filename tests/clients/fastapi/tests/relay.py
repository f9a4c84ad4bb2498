"""A line between a client and a server that can be cut."""

import socket
import threading
from contextlib import suppress


class Relay:
    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._ends: list[socket.socket] = []
        self._is_up = True
        # The first bytes of each connection.
        self.heads: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Ends all connections; new ones end at once."""
        self._is_up = False
        for end in self._ends:
            _end(end)
        self._ends.clear()

    def mend(self) -> None:
        self._is_up = True

    def close(self) -> None:
        self.cut()
        # Wakes `accept`, which closing alone does not.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if not self._is_up:
                    near.close()
                    continue
                head = near.recv(65536)
                far = socket.create_connection(self._target)
                far.sendall(head)
                self.heads.append(head.decode().lower())
                self._ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(source, target), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while some := source.recv(65536):
            target.sendall(some)
    for end in (source, target):
        _end(end)


def _end(end: socket.socket) -> None:
    # Wakes whoever waits at it.
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
