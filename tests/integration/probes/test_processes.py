"""What a supervisor says of a process that it asks."""

from jobqueue.probes.processes import Member
from jobqueue.probes.server import ProbeServer


def test_a_process_that_has_just_died() -> None:
    """Its socket is closed: it is ready no more, but the supervisor starts another one."""
    member = Member("process 1")
    server = ProbeServer(member.open(), lambda _: [])
    assert member.reasons("readyz") == []
    server.close()
    assert member.reasons("readyz") == ["process 1 is not running"]
    assert member.reasons("livez") == []


def test_a_process_that_stands_still() -> None:
    """It holds its socket and does not answer; before its first answer it is starting."""
    member = Member("process 1")
    with member.open() as held:
        assert member.reasons("readyz") == ["process 1 is starting"]
        assert member.reasons("livez") == []
        server = ProbeServer(held.dup(), lambda _: [])
        assert member.reasons("livez") == []
        server.close()
        assert member.reasons("livez") == ["process 1 does not answer"]


def test_a_process_that_cuts_its_answers() -> None:
    """It lives, for its socket is held, and is not well."""

    def broken(_probe: str) -> list[str]:
        if asked:
            raise OSError("no answer")
        asked.append(True)
        return []

    asked: list[bool] = []
    member = Member("process 1")
    server = ProbeServer(member.open(), broken)
    assert member.reasons("livez") == []
    assert member.reasons("livez") == ["process 1 does not answer"]
    server.close()
