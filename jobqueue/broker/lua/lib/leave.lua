-- leave: take a job away from wherever it waits.
local WAITING = {ready = true, scheduled = true, retrying = true, blocked = true}

-- From behind a limit. Where its rule was taken back meanwhile, nothing but the list of scopes leads there.
local function step_forward(id, job)
  local found = false
  for _, each in ipairs(scopes_of(job.name, job.asks)) do
    if redis.call('ZSCORE', base .. 'parked:' .. each[1], id) then
      unpark(each[1], {id})
      found = true
    end
  end
  for _, scope in ipairs(found and {} or redis.call('SMEMBERS', base .. 'scopes')) do
    if redis.call('ZSCORE', base .. 'parked:' .. scope, id) then unpark(scope, {id}) end
  end
end

-- For good, from whatever place; then it lets go of its keys, and the next come where it had been let in.
local function leave(id, job, state, undone)
  if state == 'ready' then
    if job.entry ~= '-' then redis.call('XDEL', base .. job.place, job.entry) end
    redis.call('ZREM', base .. 'poison', id)
  end
  if state == 'scheduled' or state == 'retrying' then redis.call('ZREM', base .. 'scheduled', id) end
  -- From the end, where a sweep begins: to look through the whole line for each of its jobs would stop Redis. What a
  -- stopped script left of it further in front is dropped by unlock.
  if state == 'blocked' and job.asks.lock then redis.call('LREM', base .. 'waiting:' .. job.asks.lock, -1, id) end
  if string.sub(job.place, 1, 7) == 'parked:' then step_forward(id, job) end
  if state == 'ready' or state == 'blocked' then pass_on(job.name, job.asks) end
  let_go(id, job.asks, true, undone)
end
