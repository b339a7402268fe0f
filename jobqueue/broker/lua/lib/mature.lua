-- mature: make a job ready whose time has come, or was brought forward. `state` is what its state hash says, nil where
-- that says nothing. Says whether it is ready; else it stands in the line of its lock.
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
  local stream = 'ready:' .. job.priority
  local entry = redis.call('XADD', base .. stream, '*', 'id', id)
  if state then redis.call('HSET', base .. 'state:' .. id, 'state', 'ready') end
  redis.call('SET', base .. 'job:' .. id, record_of(stream, entry, job.asked + past, job.rest))
  count('ready', job.name, 1)
  return true
end
