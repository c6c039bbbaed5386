"""Files and an address that nobody may read: what they hold, and whether anything opened or called them."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import threading
from pathlib import Path

SECRET = "CANARY-7f3a9c"
"""What every file holds; no answer may show it."""

_IN_OPEN = 0x20
_SCHEMA = f"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><!-- {SECRET} -->
<xs:element name="a" type="xs:{SECRET}"/></xs:schema>"""
_CONTENTS = {
    "token": SECRET,
    "schema.xsd": _SCHEMA,
    "broken.xsd": f"{SECRET} is no XML",
    "rows.json": f'{{"a": "{SECRET}"}}',
    "rows.csv": f"a\n{SECRET}\n",
    "message.desc": SECRET,
}


class Canaries:
    """A folder with canary files and a listener on loopback."""

    def __init__(self, folder: Path) -> None:
        """Write the files and watch them from here on."""
        self.folder = folder
        for name, text in _CONTENTS.items():
            (folder / name).write_text(text)
        self.calls: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/schema.xsd"
        threading.Thread(target=self._listen, daemon=True).start()
        # Where the system cannot say what was opened, the contents and the address still bear test principal.
        self._watch = _watch(folder) if sys.platform == "linux" else None

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()
        if self._watch is not None:
            os.close(self._watch)

    def filled(self, text: str) -> str:
        """Return a statement with {token}, {xsd}, {broken}, {json}, {csv}, {desc}, {folder} and {url} filled in."""
        names = {"token": "token", "xsd": "schema.xsd", "broken": "broken.xsd", "json": "rows.json"}
        names |= {"csv": "rows.csv", "desc": "message.desc"}
        for key, name in names.items():
            text = text.replace("{" + key + "}", str(self.folder / name))
        return text.replace("{folder}", str(self.folder)).replace("{url}", self.url)

    def touched(self) -> list[str]:
        """Return what was opened or called since the last question."""
        calls, self.calls = self.calls, []
        return calls + self._opened()

    def _opened(self) -> list[str]:
        if self._watch is None:
            return []
        try:
            found = os.read(self._watch, 65536)
        except BlockingIOError:
            return []
        return [f"opened: {found[16:].rstrip(bytes(1))!r}"] if found else []

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            self.calls.append("called")
            connection.close()


def _watch(folder: Path) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    number = int(library.inotify_init1(os.O_NONBLOCK))
    if number < 0 or library.inotify_add_watch(number, str(folder).encode(), _IN_OPEN) < 0:
        raise OSError(ctypes.get_errno(), "the canary files cannot be watched")
    return number
