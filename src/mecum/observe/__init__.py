"""Logging and the request's id. The text of a chat never reaches a log."""
