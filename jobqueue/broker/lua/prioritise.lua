#!lua flags=allow-oom
--[[
prioritise: give a job that waits another priority. Among those of the new one it comes last. Repeating it changes
nothing.

A line behind a lock goes by arrival, so a job that stands in one gets no other place there.

KEYS[1]  base      string  prefix of every key of the queue; names no key itself
ARGV[1]  id        string  job id
ARGV[2]  priority  int     0-3
Keys     job:<id>, state:<id>, ready:<priority>, again:<priority>, succeeded, leases, running:<worker>, rules, poison,
         parked:<scope>, limit:<scope>, rate:<scope>, scopes, scheduled, lock:<key>, waiting:<key>, counts, wake
Returns  {the job's state before, "" when there is no such job; its priority before, 0-3, "" with no record}
]]
--@use clock wake due count record pieces running requeue limits parking find
local id, priority = ARGV[1], ARGV[2]
local job, _, state = find(id)
if not job then return {redis.call('HGET', base .. 'state:' .. id, 'state') or '', ''} end
local WAITS = {ready = true, scheduled = true, retrying = true, blocked = true}
if not WAITS[state] or job.priority == priority then return {state, job.priority} end

-- Where jobs stand aside by priority and arrival, they stay by arrival.
local function move(set, weight)
  local score = redis.call('ZSCORE', base .. set, id)
  if score then redis.call('ZADD', base .. set, score + (priority - job.priority) * weight, id) end
end

local kind, entry = string.match(job.place, '^(%a+):'), job.entry
if kind == 'poison' then move('poison', 1e13) end
if kind == 'parked' then
  for _, each in ipairs(scopes_of(job.name, job.asks)) do move('parked:' .. each[1], 2e15) end
end
local queued = state == 'ready' and entry ~= '-'
if queued then
  -- It may have been let in by a limit, and is perhaps not read for long: the next one comes in its stead.
  pass_on(job.name, job.asks)
  kind = 'ready'
  entry = redis.call('XADD', base .. 'ready:' .. priority, '*', 'id', id)
end
local flags = job.asked + job.past
redis.call('SET', base .. 'job:' .. id, record_of(kind .. ':' .. priority, entry, flags, job.rest))
if queued then redis.call('XDEL', base .. job.place, job.entry) end
write_counts()
if put_back > 0 then wake() end
return {state, job.priority}
