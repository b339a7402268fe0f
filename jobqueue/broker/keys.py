"""Names of every Redis key.

No other Python module builds a key, and no script uses a name that is not in
``QUEUE_KEYS``, which gives each key's type and who removes it. The queue's name is in
braces, so one script may touch all keys of a queue, also on a cluster; scripts
get the common prefix of a queue (:func:`base`) and add the part after it.
"""

PRIORITIES = range(4)

# What scripts add to base(queue). Name: (type, who removes it).
QUEUE_KEYS = {
    "ready:": ("stream by priority 0-3: waiting jobs", "the queue"),
    "again:": ("stream by priority, read before ready: handed-back jobs", "the queue"),
    "job:": ("string by id: place, entry, flags, name, enqueued ms, spec", "recorded"),
    "state:": ("hash by id: what else is to be known of it", "recorded or result_ttl"),
    "noted": (
        "set: ids of jobs that have a state hash, where the record does not tell",
        "recorded",
    ),
    "running:": (
        "hash by worker: its deliveries by job id: token, stream, entry",
        "the end of each delivery",
    ),
    "taking": ("string: the worker that a fetch is giving jobs to", "that fetch, or the next"),
    "succeeded": (
        "hash by id: the execution that ended a job and left nothing else",
        "recorded",
    ),
    "poison": ("sorted set: jobs on their last life, kept back, by priority", "the queue"),
    "scheduled": ("sorted set: delayed and retrying ids, rates that refill, by ms", "the queue"),
    "expiring": ("sorted set: ids that must start or end until then, by ms", "the end of each job"),
    "unique:": ("string by key: the job that has it", "the end of that job, or its own time"),
    "idem:": (
        "string by key: print of the arguments, job id",
        "its own time, from the job's end on; the end of a job that no worker had",
    ),
    "lock:": ("string by key: the job at the head of its line", "the end of the line"),
    "waiting:": ("list by lock key: the jobs in line behind the head", "the end of the line"),
    "rules": ("string: limits of names, keys and the queue; pauses", "an operator, or new code"),
    "limit:": ("set by scope: tokens of the deliveries that occupy it", "the end of each delivery"),
    "rate:": ("list by scope: starts within the last period, ms", "its period, and a second"),
    "parked:": ("sorted set by scope: jobs that wait for it, by priority and arrival", "the scope"),
    "scopes": ("set: scopes that jobs are parked for", "the last of these jobs"),
    "journal": ("stream, group recorder: finished attempts, several in an entry", "the queue"),
    "journal:bad": ("stream: raw records that PostgreSQL refused", "an operator"),
    "journal:size": ("string: bytes of the entries in the journal", "the queue"),
    "journal:rows": ("string: records in the journal", "the queue"),
    "wake": ("list: at most one token: jobs may be here", "its reader; an emptying fetch"),
    "wake:due": ("list: at most one token for a scheduler", "its reader"),
    "counts": ("hash: jobs by `state:name`", "the queue"),
    "leases": ("sorted set: workers that take jobs here, by expiry, ms", "reclaim"),
    "call:": ("string by caller: last call number and answer", "1 hour"),
    "tell:": ("list by worker: tokens of deliveries to cancel, and orders", "1 minute"),
    "inbox:": ("list by client: outcomes it waits for", "1 minute"),
    "hidden": ("hash by job name: arguments that nobody may see", "an operator"),
    "fired": ("hash: last occurrence of each schedule, ms", "who removes the schedule"),
    "moved": ("set: schedules that fire in a partition, not here any more", "the same"),
    "latest": ("hash: the last job of each schedule", "the same"),
    "ledger": ("stream: what became of occurrences, until PostgreSQL has it", "a scheduler"),
}


def poison_scores(priority: int) -> tuple[int, str]:
    """Return the scores of one priority in ``poison``: priority · 10¹³ + ms."""
    return priority * 10**13, f"({(priority + 1) * 10**13}"


class Keys:
    """The keys of one installation.

    Args:
        prefix: What every key begins with, so that several installations can
            share a server.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.queues = f"{prefix}:queues"  # set of queues and partitions; grows with them
        self.services = (
            f"{prefix}:services"  # set of `role:id`; readers drop those without presence
        )
        self.paused = f"{prefix}:paused"  # hash: notes by queue, `*` for all; an operator

        # What PostgreSQL last held of stored schedules (string, JSON); schedulers replace it.
        self.schedules = f"{prefix}:schedules"

    def base(self, queue: str) -> str:
        """Return the common prefix of every key of ``queue``."""
        return f"{self.prefix}:{{{queue}}}:"

    def queue_of(self, key: str) -> str:
        """Return the queue that a key belongs to."""
        return key.removeprefix(f"{self.prefix}:{{").partition("}")[0]

    def presence(self, service: str) -> str:
        """Return what a service (``role:id``) says of itself (string, JSON).

        It expires when the beats stop.
        """
        return f"{self.prefix}:service:{service}"

    def death(self, worker: str) -> str:
        """Return how a worker ended, as far as somebody knows (string, JSON, 1 hour)."""
        return f"{self.prefix}:service:ended:{worker}"

    def job(self, queue: str, job_id: str) -> str:
        """Return the record of a job (string)."""
        return f"{self.base(queue)}job:{job_id}"

    def state(self, queue: str, job_id: str) -> str:
        """Return the changing fields of a job (hash)."""
        return f"{self.base(queue)}state:{job_id}"

    def streams(self, queue: str) -> list[str]:
        """Return the eight streams of waiting jobs in the order of reading."""
        base = self.base(queue)
        return [f"{base}{kind}:{p}" for p in PRIORITIES for kind in ("again", "ready")]

    def succeeded(self, queue: str) -> str:
        """Return the jobs that ended well and wait to be recorded (hash by id)."""
        return f"{self.base(queue)}succeeded"

    def poison(self, queue: str) -> str:
        """Return the jobs on their last life that were kept back (sorted set)."""
        return f"{self.base(queue)}poison"

    def scheduled(self, queue: str) -> str:
        """Return the ids that wait for a time (sorted set)."""
        return f"{self.base(queue)}scheduled"

    def journal(self, queue: str) -> str:
        """Return the finished attempts that PostgreSQL does not have yet (stream)."""
        return f"{self.base(queue)}journal"

    def journal_size(self, queue: str) -> str:
        """Return the bytes of the entries in the journal (string)."""
        return f"{self.base(queue)}journal:size"

    def journal_rows(self, queue: str) -> str:
        """Return the number of records in the journal (string)."""
        return f"{self.base(queue)}journal:rows"

    def journal_bad(self, queue: str) -> str:
        """Return the raw records that PostgreSQL refused (stream)."""
        return f"{self.base(queue)}journal:bad"

    def wake(self, queue: str) -> str:
        """Return the list that holds the token for an idle worker."""
        return f"{self.base(queue)}wake"

    def wake_due(self, queue: str) -> str:
        """Return the list that holds the token for a scheduler."""
        return f"{self.base(queue)}wake:due"

    def counts(self, queue: str) -> str:
        """Return the counters by state and name (hash)."""
        return f"{self.base(queue)}counts"

    def running(self, queue: str, worker: str) -> str:
        """Return what a worker runs (hash by job id)."""
        return f"{self.base(queue)}running:{worker}"

    def leases(self, queue: str) -> str:
        """Return the leases of the workers that take jobs here (sorted set)."""
        return f"{self.base(queue)}leases"

    def inbox(self, queue: str, client: str) -> str:
        """Return the list where a client waits for outcomes."""
        return f"{self.base(queue)}inbox:{client}"

    def tell(self, queue: str, worker: str) -> str:
        """Return the list of deliveries that a worker has to cancel."""
        return f"{self.base(queue)}tell:{worker}"

    def call(self, queue: str, caller: str) -> str:
        """Return the last call number of a caller, with its answer (string)."""
        return f"{self.base(queue)}call:{caller}"

    def rules(self, queue: str) -> str:
        """Return the limits of a queue (string)."""
        return f"{self.base(queue)}rules"

    def scope(self, queue: str, scope: str) -> str:
        """Return what occupies a limit, such as ``limit:job:send`` (set, or list of a rate)."""
        return f"{self.base(queue)}{scope}"

    def parked(self, queue: str, scope: str) -> str:
        """Return the jobs that wait for a scope (sorted set)."""
        return f"{self.base(queue)}parked:{scope}"

    def scopes(self, queue: str) -> str:
        """Return the scopes that jobs are parked for (set)."""
        return f"{self.base(queue)}scopes"

    def line(self, queue: str, lock: str) -> str:
        """Return the jobs that stand in line for a lock behind its head (list)."""
        return f"{self.base(queue)}waiting:{lock}"

    def fired(self, queue: str) -> str:
        """Return the last occurrence of each schedule (hash)."""
        return f"{self.base(queue)}fired"

    def latest(self, queue: str) -> str:
        """Return the last job of each schedule (hash)."""
        return f"{self.base(queue)}latest"

    def moved(self, queue: str) -> str:
        """Return the schedules that fire in a partition since the queue was split (set)."""
        return f"{self.base(queue)}moved"

    def ledger(self, queue: str) -> str:
        """Return what became of the occurrences of schedules (stream)."""
        return f"{self.base(queue)}ledger"

    def hidden(self, queue: str) -> str:
        """Return which arguments handlers hide (hash by job name)."""
        return f"{self.base(queue)}hidden"
