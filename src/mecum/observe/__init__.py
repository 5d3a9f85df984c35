"""Logging and the request's id; the text of a chat never reaches a log. `threads`: blocking work that nobody waits for."""
