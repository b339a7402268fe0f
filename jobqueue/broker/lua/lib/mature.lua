-- mature: make jobs ready whose time has come, or was brought forward. The caller writes their records.
local function make_ready(id, priority, name, flags, rest)
  local stream = 'ready:' .. priority
  write_record(id, stream, redis.call('XADD', base .. stream, '*', 'id', id), flags, rest)
  count('ready', name, 1)
end

-- The same for a job that may have a lock, and a state: `state` is what its state hash says, nil where that says
-- nothing. Says whether it is ready; else it stands in the line of its lock.
local function mature(id, job, state)
  local past = state and PAST or 0
  count(state or 'scheduled', job.name, -1)
  local owner = job.asks.lock and take_lock(id, job.asks.lock)
  if owner then
    redis.call('RPUSH', base .. 'waiting:' .. job.asks.lock, id)
    job.past = past
    stand_aside(id, job, 'blocked:')
    return false
  end
  make_ready(id, job.priority, job.name, job.asked + past, job.rest)
  if state then redis.call('HSET', base .. 'state:' .. id, 'state', 'ready') end
  return true
end
