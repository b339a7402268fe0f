-- find: what is known of a job, and how it is with it.
local LIVE = {'state', 'token', 'run', 'attempts', 'deliveries', 'crashes', 'waiters', 'held', 'cancel', 'lost',
  'ending'}

-- The changing fields of a job by name.
local function live_of(id)
  local values, live = redis.call('HMGET', base .. 'state:' .. id, unpack(LIVE)), {}
  for i, name in ipairs(LIVE) do live[name] = values[i] or nil end
  return live
end

local SEEMS = {scheduled = 'scheduled', blocked = 'blocked', parked = 'blocked', poison = 'ready'}

-- The job, its changing fields, its state, and the worker that runs it; nil when it has no record. The state hash says
-- what a job came to or waits for; whether it is ready or runs is told by where it is.
local function find(id)
  local record = redis.call('GET', base .. 'job:' .. id)
  if not record then return nil end
  local job, live = parse(record), live_of(id)
  local state = live.state and live.state ~= 'ready' and live.state or SEEMS[string.match(job.place, '^%a+')]
  if state or waits(job.place, job.entry) then return job, live, state or 'ready' end
  local token = redis.call('HGET', base .. 'succeeded', id)
  if token then
    live.token = token
    return job, live, 'succeeded'
  end
  local each, worker = runner_of(id, job)
  if not each then return job, live, live.state or 'ready' end
  live.token = each.token
  return job, live, 'running', worker
end
