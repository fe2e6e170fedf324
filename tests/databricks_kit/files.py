"""The Files API of a workspace: files by path, and the folders that these make."""

from __future__ import annotations

import json
from urllib.parse import unquote

from databricks_kit.protocol import Answer, Asked, Refused

FILES, FOLDERS = "/api/2.0/fs/files", "/api/2.0/fs/directories"


class Files:
    """Files in memory."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def answer(self, asked: Asked) -> Answer:
        path = unquote(asked.path)
        if path.startswith(FILES):
            return self._file(asked, path.removeprefix(FILES))
        return self._folder(asked, path.removeprefix(FOLDERS).rstrip("/"))

    def _file(self, asked: Asked, path: str) -> Answer:
        if asked.method == "PUT":
            self.content[path] = asked.body
            return Answer(b"", status=204)
        if path not in self.content:
            raise Refused(404, "NOT_FOUND", f"The file {path} was not found.")
        return Answer(self.content[path], "application/octet-stream", headers={"last-modified": "1"})

    def _folder(self, asked: Asked, path: str) -> Answer:
        below = [name for name in self.content if name.startswith(f"{path}/")]
        if not below:
            raise Refused(404, "NOT_FOUND", f"The directory {path} was not found.")
        entries = {}
        for name in below:
            first, _, rest = name.removeprefix(f"{path}/").partition("/")
            entry = {"path": f"{path}/{first}", "name": first, "is_directory": bool(rest)}
            entries[first] = entry if rest else {**entry, "file_size": len(self.content[name])}
        return Answer(json.dumps({"contents": list(entries.values())}).encode())
