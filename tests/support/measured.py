"""What reports of benchmarks are made of in tests."""

from scripts.benchmarks.machine import Machine

MACHINE = Machine(
    product="jobqueue",
    python="CPython",
    loop="uvloop",
    client="redis-py",
    redis="Valkey",
    postgres=None,
    system="Linux",
    processor="some",
    cores=2,
    load=(0.0, 0.0, 0.0),
)
