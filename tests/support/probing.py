"""Asks the probes of a service, as a platform does."""

import json
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from tests.support.waiting import wait_until_sync


@dataclass(frozen=True)
class Answer:
    """What a probe said."""

    code: int
    body: Any

    @property
    def reasons(self) -> str:
        """All reasons in one text."""
        return "; ".join(self.body["reasons"])


def ask(port: int, path: str, method: str = "GET", timeout: float = 5.0) -> Answer:
    """Send one request; a body that is no JSON is given as it is."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    try:
        return Answer(response.status, json.loads(text))
    except ValueError:
        return Answer(response.status, text)


def says(port: int, path: str, code: int, words: str = "", deadline: float = 30.0) -> Answer:
    """Wait until a probe answers with a code and with these words among its reasons."""
    last: list[Any] = [None]

    def asked() -> Answer | None:
        try:
            last[0] = ask(port, path)
        except OSError as error:
            last[0] = error
            return None
        return last[0] if last[0].code == code and words in last[0].reasons else None

    try:
        return wait_until_sync(asked, description=f"{path}: {code} {words}", deadline=deadline) or (
            Answer(0, None)
        )
    except AssertionError as error:
        raise AssertionError(f"{error}; the last answer was {last[0]}") from None
