"""HTTP: every URL (`urls`), what comes in (`wire`, `parse`), what goes out (`sse`, `chat`), and the one table of errors."""
