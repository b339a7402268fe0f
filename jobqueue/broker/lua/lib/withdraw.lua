-- withdraw: end a job that waits, wherever it does: cancelled, replaced or expired. It leaves a row without a run.
local function waits_as(job, live)
  if live.state then return live.state end
  local place = string.match(job.place, '^%a+')
  if place == 'scheduled' then return place end
  return (place == 'blocked' or place == 'parked') and 'blocked' or 'ready'
end

local EXPIRED = 'it had not started when it expired'
local WAITING = {ready = true, scheduled = true, retrying = true, blocked = true}

-- Returns the job's state before; it was ended only if that is one in which a job waits.
local function withdraw(id, outcome, reason, message)
  local record = redis.call('GET', base .. 'job:' .. id)
  if not record then return nil end
  local job, live = parse(record), live_of(id)
  local state = waits_as(job, live)
  if not WAITING[state] then return state, live end
  local seed = redis.sha1hex(base .. id .. now_us)
  local token = uuid7('8' .. string.sub(seed, 1, 3) .. '-' .. string.sub(seed, 4, 15))
  journal(row(id, job, live, {token = token, attempt = 0, delivery = 0, final = true, outcome = outcome, worker = '',
    started = 0, reason = reason, message = message, crashes = tonumber(live.crashes or 0)}))
  if job.entry ~= '-' and state == 'ready' then ack(job.place, job.entry) end
  if state == 'ready' then redis.call('ZREM', base .. 'poison', id) end
  if state == 'scheduled' or state == 'retrying' then redis.call('ZREM', base .. 'scheduled', id) end
  if job.asks.lock then redis.call('LREM', base .. 'waiting:' .. job.asks.lock, 1, id) end
  let_go(id, job.asks, true)
  redis.call('HSET', base .. 'state:' .. id, 'state', outcome, 'token', token)
  answer(id, live.waiters, outcome, '')
  count(state, job.name, -1)
  count(outcome, job.name, 1)
  return state, live
end
