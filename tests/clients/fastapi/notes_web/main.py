"""`uvicorn notes_web.main:app` runs the web app. Every setting comes from the environment: no secret is in the code."""

import os

from .app import create_web
from .sessions import Sessions
from .sign_in import Settings

app = create_web(
    Settings(
        issuer=os.environ["NOTES_ISSUER"],
        client_id=os.environ["WEB_CLIENT_ID"],
        client_secret=os.environ["WEB_CLIENT_SECRET"],
        # Not `localhost` where the issuer is `localhost`: cookies know no ports, and one would overwrite the other's.
        origin=os.environ.get("WEB_ORIGIN", "http://127.0.0.1:8000"),
        audience=os.environ["NOTES_AUDIENCE"],
        notes_url=os.environ["NOTES_URL"],
        session_secret=os.environ["WEB_SESSION_SECRET"],
    ),
    Sessions(),
)
