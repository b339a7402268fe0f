-- requeue: put a job back in front of its priority, and set more fields of its state. The record comes last: until it
-- names the new entry the old one counts, and the owner of that puts the job back again. The token stays: it says when
-- the job was last delivered, and is worth nothing without a worker's line.
local function requeue(id, job, past, ...)
  local stream = 'again:' .. job.priority
  local entry = redis.call('XADD', base .. stream, '*', 'id', id)
  if past == PAST then redis.call('HSET', base .. 'state:' .. id, 'state', 'ready', ...) end
  redis.call('SET', base .. 'job:' .. id, record_of(stream, entry, job.asked + past, job.rest))
  put_back = put_back + 1
end

-- The same for a job that stood aside, in the line of a lock or behind a limit; says whether it still did.
local function let_in(id, aside, lock)
  local record = redis.call('GET', base .. 'job:' .. id)
  local job = record and parse(record)
  if not job or string.sub(job.place, 1, #aside) ~= aside or lock and job.asks.lock ~= lock then return false end
  requeue(id, job, job.past)
  count('blocked', job.name, -1)
  count('ready', job.name, 1)
  return true
end

local function stand_aside(id, job, aside)
  if job.past == PAST then redis.call('HSET', base .. 'state:' .. id, 'state', 'blocked') end
  redis.call('SET', base .. 'job:' .. id, record_of(aside .. job.priority, '-', job.asked + job.past, job.rest))
  count('blocked', job.name, 1)
end
