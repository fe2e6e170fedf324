"""Which channel sends to a URL: the one that names its scheme, or Apprise."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import cast

from exporters.delivery import channels
from exporters.delivery.channels import apprise
from monitor.ports import NotificationChannel


def channel_for(url: str) -> NotificationChannel:
    """The channel for a URL; Apprise gets every URL whose scheme no other channel names."""
    return _by_scheme().get(url.partition(":")[0].lower(), apprise)


@cache
def _by_scheme() -> dict[str, NotificationChannel]:
    """The channels of every file in `exporters/delivery/channels`, by scheme."""
    modules = [
        cast("NotificationChannel", importlib.import_module(f"{channels.__name__}.{module.name}"))
        for module in pkgutil.iter_modules(channels.__path__)
    ]
    return {scheme: module for module in modules for scheme in module.SCHEMES}
