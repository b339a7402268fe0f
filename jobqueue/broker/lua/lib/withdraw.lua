-- withdraw: end a job that waits, wherever it does: cancelled, replaced or expired. It leaves a row without a run.
local EXPIRED = 'it had not started when it expired'

-- The token of its row is noted first, so that repeating this after a stop writes the same row. The state comes last.
local function ending(id, live)
  if live.ending then return live.ending end
  local seed = redis.sha1hex(base .. id .. now_us)
  local token = uuid7('8' .. string.sub(seed, 1, 3) .. '-' .. string.sub(seed, 4, 15))
  remark(id)
  redis.call('HSET', base .. 'state:' .. id, 'ending', token)
  return token
end

-- Returns the job's state before, what was noted of it, and the worker that runs it, if one does. It was ended only if
-- that is a state in which a job waits.
local function withdraw(id, outcome, reason, message)
  local job, live, state, worker = find(id)
  if not job or not WAITING[state] then return state, live, worker end
  local token = ending(id, live)
  journal({row(id, job, live, {token = token, attempt = 0, delivery = 0, final = true, outcome = outcome, worker = '',
    started = 0, reason = reason, message = message, crashes = tonumber(live.crashes or 0)})})
  -- Only after a script that stopped half way: what a delivery occupied that nobody got, or that was handed back.
  if live.held then vacate(live.token, cmsgpack.unpack(live.held)) end
  leave(id, job, state)
  redis.call('HSET', base .. 'state:' .. id, 'state', outcome, 'token', token)
  answer(id, live.waiters, outcome, '')
  count(state, job.name, -1)
  count(outcome, job.name, 1)
  return state, live
end
