"""One chat from request to deltas. `answer` is the only orchestrator; the others are pure."""
