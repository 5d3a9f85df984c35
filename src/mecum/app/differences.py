"""Which settings are others than at the last start, for the audit log.

Invariant (`tests/app/test_differences.py`): of a value nothing is kept but a hash that needs this installation's secret.
"""

from __future__ import annotations

from pydantic import SecretStr

from mecum.app.build import App
from mecum.app.home import install_secret
from mecum.settings import names
from mecum.settings.models import shown
from mecum.settings.schema import Settings


async def note(app: App) -> None:
    """Write into the audit log which settings of a server differ from those that it was last started with.

    Raises:
        StoreError: the disk is at fault.
    """
    await app.audit.settings(_values(app.settings), install_secret(app.settings.home))


def _values(settings: Settings) -> dict[str, str]:
    one_by_one = {name: _text(settings, name) for name in names.table() if name != "home"}
    return one_by_one | {names.MODELS: repr(shown(settings))}


def _text(settings: Settings, name: str) -> str:
    section, _, key = name.partition(".")
    value = getattr(getattr(settings, section), key)
    return value.get_secret_value() if isinstance(value, SecretStr) else repr(value)
