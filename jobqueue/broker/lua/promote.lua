#!lua flags=allow-oom
--[[
promote: make due jobs ready. Never early: the server's clock decides.

A job whose present entry is still there is ready or running already: a promotion or a finish stopped half way. It
leaves the schedule and nothing else happens to it.

KEYS[1]  base   string  prefix of every key of the queue; names no key itself
ARGV[1]  limit  int     most jobs in one call
Keys     scheduled, job:<id>, state:<id>, ready:<priority>, counts, wake
Returns  {jobs taken from the schedule, due time of the next one in ms since epoch or -1, now ms}
]]
--@use clock wake count record
local schedule = base .. 'scheduled'
local ids = redis.call('ZRANGEBYSCORE', schedule, '-inf', now, 'LIMIT', 0, ARGV[1])
local jobs, states = {}, {}
for i, id in ipairs(ids) do
  local record = redis.call('GET', base .. 'job:' .. id)
  local job = record and parse(record)
  if job and (job.entry == '-' or #redis.call('XRANGE', base .. job.place, job.entry, job.entry) == 0) then
    jobs[i] = job
    states[i] = redis.call('HGET', base .. 'state:' .. id, 'state')
  end
end

for i, id in ipairs(ids) do
  local job = jobs[i]
  if job then
    local stream = 'ready:' .. string.sub(job.place, -1)
    local entry = redis.call('XADD', base .. stream, '*', 'id', id)
    if states[i] then redis.call('HSET', base .. 'state:' .. id, 'state', 'ready') end
    redis.call('SET', base .. 'job:' .. id, head(stream, entry, states[i] and 1 or 0) .. job.rest)
    count(states[i] or 'scheduled', job.name, -1)
    count('ready', job.name, 1)
  end
end
for first = 1, #ids, 1000 do
  redis.call('ZREM', schedule, unpack(ids, first, math.min(first + 999, #ids)))
end
write_counts()
if #ids > 0 then wake() end
local following = redis.call('ZRANGE', schedule, 0, 0, 'WITHSCORES')
return {#ids, tonumber(following[2] or -1), now}
