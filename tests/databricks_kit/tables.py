"""Tables of Unity Catalog: where each is, and credentials to read it."""

from __future__ import annotations

import json
from typing import Any

from databricks_kit.protocol import Answer, Asked, Refused

SAS = {"azure_user_delegation_sas": {"sas_token": "sig=1"}}
AWS = {"aws_temp_credentials": {"access_key_id": "id", "secret_access_key": "key", "session_token": "session"}}


class Tables:
    """Tables by their names of three levels, and the credentials that each gives."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {}
        self.credentials: dict[str, dict[str, Any]] = {}

    def add(
        self, name: str, location: str, credentials: dict[str, Any] | None = None, form: str | None = "DELTA"
    ) -> None:
        kind = "VIEW" if form is None else "EXTERNAL"
        told = {"full_name": name, "table_id": f"id-{name}", "table_type": kind, "storage_location": location}
        self.known[name] = told if form is None else {**told, "data_source_format": form}
        self.credentials[f"id-{name}"] = credentials or {}

    def answer(self, asked: Asked) -> Answer:
        if asked.method == "GET":
            name = asked.path.rpartition("/")[2]
            if name not in self.known:
                raise Refused(404, "TABLE_DOES_NOT_EXIST", f"Table '{name}' does not exist.")
            return Answer(json.dumps(self.known[name]).encode())
        wanted = asked.json()
        if wanted.get("operation") != "READ":
            raise Refused(403, "PERMISSION_DENIED", "This account may only read.")
        return Answer(json.dumps(self.credentials[wanted["table_id"]]).encode())
