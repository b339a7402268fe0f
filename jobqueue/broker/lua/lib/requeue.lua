-- requeue: put a job back in front of its priority. The new entry comes first, then the record that names it, so
-- that stopping between the two leaves an entry that nobody names and that the next fetch drops.
local function requeue(id, job)
  local stream = 'again:' .. job.priority
  local entry = redis.call('XADD', base .. stream, '*', 'id', id)
  redis.call('SET', base .. 'job:' .. id, compose(stream, entry, job.enqueued, '1', job.name, job.body))
  redis.call('HSET', base .. 'state:' .. id, 'state', 'ready', 'token', '', 'worker', '')
end
