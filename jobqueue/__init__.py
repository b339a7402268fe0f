"""jobqueue: Redis Streams as the broker, PostgreSQL as the memory."""

__version__ = "0.1.0"
