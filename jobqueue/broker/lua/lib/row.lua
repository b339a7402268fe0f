-- row: the journal record of an attempt that a script ends; the fields are those of `Execution` in domain/executions.
local function row(id, job, live, ends)
  local ready = tonumber(string.match(job.entry, '^(%d+)') or job.enqueued)
  return '\220\0\025' .. cmsgpack.pack(1, ends.token, id, tonumber(live.run or 0), ends.attempt, ends.delivery,
    ends.final, ends.outcome, string.match(base, '{(.*)}:$'), job.name, tonumber(job.priority), ends.worker, '',
    job.enqueued, ready, ends.started, now_us) .. string.sub(job.rest, job.spec + 1) .. cmsgpack.pack(ends.reason)
    .. '\192' .. cmsgpack.pack(ends.type, ends.message) .. '\192\192' .. cmsgpack.pack(ends.crashes)
end
