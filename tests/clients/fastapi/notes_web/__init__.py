"""A small web app whose people sign in with Doorward, by Authlib's integration for Starlette (and so for FastAPI)."""
