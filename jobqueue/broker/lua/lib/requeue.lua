-- requeue: put a job back in front of its priority, and set more fields of its state. The record comes last: until it
-- names the new entry the old one counts, and the owner of that puts the job back again. The token stays: it says when
-- the job was last delivered, and is worth nothing while the state is not running.
local function requeue(id, job, ...)
  local stream = 'again:' .. string.sub(job.place, -1)
  local entry = redis.call('XADD', base .. stream, '*', 'id', id)
  redis.call('HSET', base .. 'state:' .. id, 'state', 'ready', ...)
  redis.call('SET', base .. 'job:' .. id, head(stream, entry, 1) .. job.rest)
end
