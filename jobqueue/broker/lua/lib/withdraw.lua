-- withdraw: end a job that waits, wherever it does: cancelled, replaced, expired or past its deadline. It leaves a row
-- without a run.
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

-- The error of a job that is dead, as text and as JSON; the one of its last attempt tells more than the clock.
local function overdue(id)
  local last = redis.call('HGET', base .. 'state:' .. id, 'last')
  local message = 'its deadline was over before it could start' .. (last and '; last error: ' .. last or '')
  return message, cjson.encode({type = 'TimeoutError', message = message, traceback = ''})
end

-- Returns the job's state before, what was noted of it, and the worker that runs it, if one does. It was ended only if
-- that is a state in which a job waits.
local function withdraw(id, outcome, reason, message)
  local job, live, state, worker = find(id)
  if not job or not WAITING[state] then return state, live, worker end
  local token, after, kind, payload = ending(id, live), outcome, nil, ''
  if outcome == 'timed_out' then
    after, kind = 'dead', 'TimeoutError'
    message, payload = overdue(id)
    redis.call('HSET', base .. 'state:' .. id, 'error', payload)
  end
  -- It is the row of no delivery; those that there were have rows of their own. It says how many attempts there were.
  journal({row(id, job, live, {token = token, attempt = tonumber(live.attempts or 0), delivery = 0, final = true,
    outcome = outcome, worker = '', started = 0, reason = reason, type = kind, message = message,
    crashes = tonumber(live.crashes or 0)})})
  -- Only after a script that stopped half way: what a delivery occupied that nobody got, or that was handed back.
  if live.held then vacate(live.token, cmsgpack.unpack(live.held)) end
  -- Of one that was replaced the key is kept: its request, come late once more, must not replace the newer job. So is
  -- that of a dead letter, which may be put back.
  local undone = not live.token and not live.run and reason ~= 'replaced' and after ~= 'dead'
  leave(id, job, state, undone)
  local deliveries = live.deliveries or (live.token and 1 or 0)
  redis.call('HSET', base .. 'state:' .. id, 'state', after, 'token', token, 'deliveries', deliveries)
  answer(id, live.waiters, after, payload)
  count(state, job.name, -1)
  count(after, job.name, 1)
  return state, live
end

-- Ends a job that waits and whose time is over; `dead` where that is its deadline.
local function time_out(id, dead)
  if dead then withdraw(id, 'timed_out', 'deadline') else withdraw(id, 'expired', '', EXPIRED) end
end
