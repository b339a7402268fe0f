"""Examining a cluster: every node, and the jobs of every partition."""

from jobqueue import JobQueue
from tests.support.cluster import Cluster
from tests.support.stage import stage_on

JOBS = 40


async def test_all_nodes_and_partitions(cluster: Cluster) -> None:
    """Each master is examined, and each job of a split queue is bound once."""
    async with stage_on(cluster.url) as stage:
        stage.app.queue("mail", partitions=6)
        job = stage.app.ref("work").options(queue="mail")
        await stage.app.enqueue_many([job.prepare(n) for n in range(JOBS)])
        found = await stage.app.doctor()
        assert len({server.place for server in found.redis}) == 3
        [nobody] = [each for each in found.findings if each.check == "no_worker"]
        assert f"queue mail, where {JOBS} jobs wait" in nobody.problem

        live = await JobQueue(settings=stage.app.settings).check_live(queues=["mail"])
        assert live.examined["waiting"] == JOBS
        [misfit] = live.misfits
        assert {each.queue for each in misfit.examples} == {"mail"}
