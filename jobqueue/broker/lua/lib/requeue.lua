-- requeue: put a job back in front of its priority. The new entry comes first, then the record that names it, so
-- that stopping between the two leaves an entry that nobody names and that the next fetch drops. The token stays: it
-- says when the job was last delivered, and is worth nothing while the state is not running.
local function requeue(id, job)
  local stream = 'again:' .. string.sub(job.place, -1)
  local entry = redis.call('XADD', base .. stream, '*', 'id', id)
  redis.call('SET', base .. 'job:' .. id, head(stream, entry, 1) .. job.rest)
  redis.call('HSET', base .. 'state:' .. id, 'state', 'ready')
end
