"""Named places where a test can have this process killed, to prove that nothing is lost or duplicated.

`GATEWATCH_FAILPOINT=after_read` kills at the first passage, `after_read:3` at the third. Unset, each call is one
comparison.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

NAMES = (
    "after_read",
    "after_inference",
    "before_commit",
    "after_commit",
    "after_mes_accepted",
    "before_notification_sent",
    "after_notification_sent",
    "during_training",
    "during_comparison",
    "during_promotion",
    "during_alert_change",
    "during_bulletin",
    "after_lake_fixed",
    "after_lake_written",
    "after_lake_recorded",
)
_passed: Counter[str] = Counter()


def reach(name: str) -> None:
    """Kill this process with SIGKILL if `GATEWATCH_FAILPOINT` names this place."""
    setting = os.environ.get("GATEWATCH_FAILPOINT")
    if not setting:
        return
    point, _, nth = setting.partition(":")
    if point == name:
        _passed[name] += 1
        if _passed[name] >= int(nth or 1):
            os.kill(os.getpid(), signal.SIGKILL)
