"""mecum: a private chat server for your own machine. `ARCHITECTURE.md` shows the rooms and the path of a request."""

__version__ = "0.1.0"
