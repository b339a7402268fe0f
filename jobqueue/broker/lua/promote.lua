#!lua flags=allow-oom
--[[
promote: make due jobs ready. Never early: the server's clock decides.

KEYS[1]  base   string  prefix of every key of the queue; names no key itself
ARGV[1]  limit  int     most jobs in one call
Keys     scheduled, job:<id>, state:<id>, ready:<priority>, counts, wake
Returns  {jobs taken from the schedule, due time of the next one in ms since epoch or -1, now ms}
]]
--@use clock wake count record
local schedule = base .. 'scheduled'
local ids = redis.call('ZRANGEBYSCORE', schedule, '-inf', now, 'LIMIT', 0, ARGV[1])
local records, states = {}, {}
for i, id in ipairs(ids) do
  records[i] = redis.call('GET', base .. 'job:' .. id)
  states[i] = redis.call('HGET', base .. 'state:' .. id, 'state')
end

for i, id in ipairs(ids) do
  if records[i] then
    local job = parse(records[i])
    local stream = 'ready:' .. string.sub(job.place, -1)
    local entry = redis.call('XADD', base .. stream, '*', 'id', id)
    redis.call('SET', base .. 'job:' .. id, head(stream, entry, states[i] and 1 or 0) .. job.rest)
    if states[i] then redis.call('HSET', base .. 'state:' .. id, 'state', 'ready') end
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
