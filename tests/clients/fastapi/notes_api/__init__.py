"""A notes API on FastAPI, protected by Doorward."""
