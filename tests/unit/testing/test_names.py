"""What ``jobqueue.testing`` offers."""

import inspect

from jobqueue import testing


def test_names_are_sorted_and_documented() -> None:
    """Every public name says what it is for; pytest takes none of them for a test."""
    assert list(testing.__all__) == sorted(testing.__all__)
    assert all(inspect.getdoc(getattr(testing, name)) for name in testing.__all__)
    assert not any(name.lower().startswith("test") for name in testing.__all__)
