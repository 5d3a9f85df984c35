"""The schema's history, one numbered SQL file a step. Released files are never changed: a new step is a new file."""
