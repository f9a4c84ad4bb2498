"""A database of this run's own: `python database.py create|drop URL NAME`; `create` prints its address."""

import sys
from urllib.parse import unquote, urlsplit

import pg8000.native


def main(what: str, url: str, name: str) -> None:
    parts = urlsplit(url)
    connection = pg8000.native.Connection(
        unquote(parts.username or "postgres"),
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 5432,
        password=unquote(parts.password) if parts.password else None,
        database=parts.path.lstrip("/") or "postgres",
    )
    quoted = pg8000.native.identifier(name)
    if what == "create":
        connection.run(f"CREATE DATABASE {quoted}")
        print(parts._replace(path=f"/{name}").geturl())
    else:
        connection.run(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
