"""Whether a server may be reached by others than this machine (`security.md` row 3).

Invariant (`tests/app/test_exposure.py`): a server that asks for no key is reached by this machine alone, unless
`server.allow_open_network` says otherwise, which every start says in the log.
"""

from __future__ import annotations

import logging

from mecum.errors import SettingsError
from mecum.settings.reach import this_machine_only
from mecum.settings.schema import Settings
from mecum.store.sqlite.glance import key_owners

log = logging.getLogger(__name__)


def check(settings: Settings) -> None:
    """Check, before anything is bound, that the address fits the keys. The caller holds the data directory.

    Raises:
        SettingsError: others reach it, and there is no key.
        StoreStartError: nobody can tell.
    """
    host = settings.server.host
    if this_machine_only(host):
        return
    keys = bool(key_owners(settings.home))
    if settings.server.allow_open_network:
        told = "a key is asked for" if keys else "whoever reaches it may use it without a key, unless one was made before"
        log.warning("not only this machine reaches the server (server.allow_open_network): %s", told, extra={"host": host})
    elif not keys:
        raise SettingsError(
            f"server.host is {host!r}, which not only this machine reaches, and there is no API key that is good. Make one "
            f"first: mecum keys create NAME --home {settings.home}. To do without: --allow-open-network."
        )
