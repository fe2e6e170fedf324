"""What a column means, by its name: German and English, with the unit at its end."""

from __future__ import annotations

import re
from enum import StrEnum


class Role(StrEnum):
    """What a column may be for a source."""

    SERIAL = "serial"
    STEP = "step"
    MACHINE = "machine"
    AVAILABLE = "available_at"
    AT = "at"
    SENSOR = "sensor"
    DISPOSITION = "disposition"
    STATE = "state"
    RESULT = "result"
    VALUE = "value"
    RECIPE = "recipe"
    LOT = "lot"
    VISIT = "visit"


_ROLES: tuple[tuple[Role, str], ...] = (
    (Role.SERIAL, r"serien|serial|^sn$|_sn$|teile?_?(nr|id)|part_?(no|nr|id|num)|dmc|barcode|werkstueck|bauteil"),
    (Role.VISIT, r"durchlauf|visit|^pass(age)?_?(no|nr)?$"),
    (Role.STEP, r"arbeitsgang|arbeitsfolge|^ag(_?nr)?$|vorgang|operation|^op(_?nr)?$|schritt|^step|_step|^afo"),
    (Role.MACHINE, r"masch|machine|anlage|equipment|station|^unit$|aggregat|res?source|arbeitsplatz|work_?cent"),
    (Role.AVAILABLE, r"gebucht|buchung|booked|posted|erfasst|inserted|created|received|import|gespeichert"),
    (Role.AT, r"zeit|time|datum|date|^ts$|_ts$|stempel|^am$|beginn|^start|^ende?$|_at$"),
    (Role.SENSOR, r"sensor|^tag(name)?$|kanal|channel|messstelle|signal|variable|messgroesse"),
    (Role.DISPOSITION, r"verbleib|disposition|entscheid|massnahme"),
    (Role.STATE, r"zustand|state$|^state|betriebsart|^status$"),
    (Role.RESULT, r"ergebnis|result|bewertung|befund|urteil|^i_?o$|^ok$|^nok$|grade|outcome|verdict"),
    (Role.VALUE, r"^(mess|ist|roh)?_?(wert|value)$|^val$|^wert_|^value_|measurement|^reading$"),
    (Role.RECIPE, r"rezept|recipe|programm?$"),
    (Role.LOT, r"charge|^lot|_lot$|batch|^los(_?nr)?$|schmelze|heat"),
)
_UNITS = {
    "c": "degC", "degc": "degC", "celsius": "degC", "grad": "degC", "f": "degF", "k": "K", "bar": "bar", "mbar": "mbar",
    "pa": "Pa", "kpa": "kPa", "mpa": "MPa", "kn": "kN", "n": "N", "nm": "Nm", "mm": "mm", "um": "um", "m": "m",
    "s": "s", "sek": "s", "ms": "ms", "min": "min", "a": "A", "ma": "mA", "v": "V", "mv": "mV", "w": "W", "kw": "kW",
    "kwh": "kWh", "hz": "Hz", "rpm": "1/min", "upm": "1/min", "umin": "1/min", "prozent": "%", "pct": "%",
    "percent": "%", "kg": "kg", "g": "g", "l": "l",
}  # fmt: skip
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def plain(name: str) -> str:
    """A name in small letters, words apart: `DruckBar` and `DRUCK-BAR` are `druck_bar`.

    >>> plain("Prüf-Ergebnis"), plain("DruckBar")
    ('pruef_ergebnis', 'druck_bar')
    """
    spaced = re.sub(r"(?<=[a-zäöüß])(?=[A-ZÄÖÜ])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower().translate(_UMLAUTS)).strip("_")


def role_of(name: str) -> Role | None:
    """What a column may mean by its name.

    >>> role_of("MASCHINEN_NR"), role_of("Zeitstempel"), role_of("TEMP_C")
    (<Role.MACHINE: 'machine'>, <Role.AT: 'at'>, None)
    """
    text = plain(name)
    return next((role for role, pattern in _ROLES if re.search(pattern, text)), None)


def name_and_unit(column: str) -> tuple[str, str]:
    """A value's name, and its unit if the column's name ends with one.

    >>> name_and_unit("TEMP_C"), name_and_unit("DRUCK_BAR"), name_and_unit("kraft")
    (('temp', 'degC'), ('druck', 'bar'), ('kraft', ''))
    """
    first, _, last = plain(column).rpartition("_")
    return (first, _UNITS[last]) if first and last in _UNITS else (plain(column) or "value", "")


def plant_name(code: str) -> str:
    """A code of the source as a name of the plant file: `M 01/A` is `m-01-a`."""
    return plain(code).replace("_", "-") or "unnamed"
