"""`uvicorn notes_api.main:app` runs the API. Every setting comes from the environment: no secret is in the code."""

import os

from .app import create_app
from .doorward import Settings

app = create_app(
    Settings(
        issuer=os.environ["NOTES_ISSUER"],
        audience=os.environ["NOTES_AUDIENCE"],
        client_id=os.environ["NOTES_CLIENT_ID"],
        client_secret=os.environ["NOTES_CLIENT_SECRET"],
    )
)
