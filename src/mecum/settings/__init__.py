"""The settings room: one frozen value (`schema`), where it comes from (`load`), and what each setting is called (`names`).

`document` writes `docs/settings.md` from the schema.
"""
