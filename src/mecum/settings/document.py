"""Writes `docs/settings.md` from the schema: `python -m mecum.settings.document > docs/settings.md`.

`tests/settings/test_document.py` holds the page and the schema together.
"""

from __future__ import annotations

import sys

from mecum.settings import names
from mecum.settings.names import Setting
from mecum.settings.schema import Settings

_HEAD = """\
# Settings

<!-- Made by `python -m mecum.settings.document > docs/settings.md`; change src/mecum/settings/schema.py instead. -->

Each setting has one value: the command line's flag, else the environment's, else the file's, else the default. Between the
last two stands, for `engine.model` and `library.embedder`, what `mecum models default` and `mecum models embedder` chose
([models.md](models.md)).
`mecum config` shows the values in effect and where each came from; secrets are masked.

- **File.** `--config FILE`, else `MECUM_CONFIG`, else `mecum.toml` in the data directory; never the working directory.
  `server.port` is `port` under `[server]`.
- **Environment.** `server.port` is `MECUM_SERVER_PORT`. Lists are comma separated; an empty value counts as not set.
- **Data directory.** `--home DIR`, else `MECUM_HOME`, else the platform's own (on Linux `~/.local/share/mecum`).
- An unknown name is refused, with the nearest known one; so is a wrong value, with what is allowed (exit code 3).
- `engine.scripted`, `engine.base_url` and `engine.model` are three answers to one question, and so are `library.embedder`
  and `library.embedder_url`. One that is given in a stronger place sets the others aside; two in places of the same strength
  are refused.

Times are seconds, sizes are bytes unless the name says otherwise.

```toml
# mecum.toml
[server]
port = 8002

[engine]
model = "/models/Qwen3-4B-Instruct-Q4_K_M.gguf"
```
"""

_MODELS = """
## [models."NAME"]
What holds for one model: a table for each, in the file only. NAME is the name that `mecum models` shows, in quotes, because
it has dots; case does not matter.

```toml
[models."qwen2.5-7b-instruct"]
aliases = ["gpt-4o-mini", "small"]
context = 16384
temperature = 0.7
top_p = 0.8
```

- What the command line or the environment says of the engine (`--context`, `MECUM_ENGINE_THREADS`) holds for every model,
  and sets these aside.
- An alias may stand wherever a request, or a role, names a model. Two models cannot have the same one, nor one that is
  another model's name; a model that is installed under the name of an alias wins over it. `mecum` and `starter` are taken.
- A table for a model that is not installed has no effect; `mecum doctor` says so.
- `chat_template` is read as the template itself if `{{` or `{%` is in it, else as a file: a relative path begins where
  `mecum.toml` is. What the template can express (a system role, tools) is tried when the model loads.
- Sampling: what the request says comes first, then (for the temperature) its role, then these, then what the model file
  recommends (`general.sampling.…`), then the route's default.

| setting | must be | meaning |
|---|---|---|
"""


def markdown() -> str:
    """Return the page."""
    known = names.table()
    parts = [_HEAD]
    for section, field in Settings.model_fields.items():
        rows = [one for one in known.values() if one.name.startswith(f"{section}.")]
        if rows:
            about = (field.annotation.__doc__ or "").strip() if field.annotation else ""
            parts += [f"\n## [{section}]\n{about}\n\n| setting | default | must be | meaning |\n|---|---|---|---|\n"]
            parts += [_row(one) for one in rows]
        if section == names.MODELS:
            parts += [
                _MODELS,
                *(f"| `{one.name}` | {one.allowed} | {one.description} |\n" for one in names.of_a_model().values()),
            ]
    return "".join(parts)


def _row(one: Setting) -> str:
    flag = f"<br>`{one.flag}`" if one.flag else ""
    return f"| `{one.name}`{flag} | {_default(one.default)} | {one.allowed} | {one.description} |\n"


def _row_of_a_model(one: Setting) -> str:
    return f"| `{one.name}` | {one.allowed} | {one.description} |\n"


def _default(value: object) -> str:
    if value is None or value == ():
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    sys.stdout.write(markdown())
