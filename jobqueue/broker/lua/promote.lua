#!lua flags=allow-oom
--[[
promote: make due jobs ready, let in what a rate allows again, and end what expired. Never early: the server's clock
decides.

A job whose present entry is still there is ready or running already: a promotion or a finish stopped half way. It
leaves the schedule and nothing else happens to it. A member that begins with a space is a scope of a rate.

KEYS[1]  base   string  prefix of every key of the queue; names no key itself
ARGV[1]  limit  int     most jobs in one call
Keys     scheduled, expiring, job:<id>, state:<id>, ready:<priority>, again:<priority>, counts, rules, limit:<scope>,
         rate:<scope>, parked:<scope>, unique:<key>, idem:<key>, lock:<key>, waiting:<key>, poison, journal,
         journal:size, inbox:<client>, wake
Returns  {members taken from the schedule, due time of the next one in ms since epoch or -1, now ms}
]]
--@use clock wake due count record ack answer journal uuid7 requeue lock limits keys row withdraw
local due = base .. 'scheduled'
local ids = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, ARGV[1])
local jobs, states = {}, {}
for i, id in ipairs(ids) do
  local record = redis.call('GET', base .. 'job:' .. id)
  local job = record and parse(record)
  if job and (job.entry == '-' or #redis.call('XRANGE', base .. job.place, job.entry, job.entry) == 0) then
    jobs[i] = job
    states[i] = redis.call('HGET', base .. 'state:' .. id, 'state')
  end
end

-- What is parked behind a rate comes by turns: as many as it allows now, and the rest when it allows more.
local again = {}
local function refill(scope)
  local rule = rule_of(scope)
  local free, at = 1000, now -- a rule that was removed lets in everything, by and by
  if rule then free, at = room(scope, rule) end
  let_in_from(scope, free)
  if at and redis.call('EXISTS', base .. 'parked:' .. scope) == 1 then again[scope] = at end
  put_back = put_back + 1 -- a rule of the queue keeps jobs in their streams
end

for i, id in ipairs(ids) do
  local job = jobs[i]
  if job then
    local past = states[i] and PAST or 0
    count(states[i] or 'scheduled', job.name, -1)
    local owner = job.asks.lock and take_lock(id, job.asks.lock)
    if owner then
      redis.call('RPUSH', base .. 'waiting:' .. job.asks.lock, id)
      job.past = past
      stand_aside(id, job, 'blocked:')
    else
      local stream = 'ready:' .. job.priority
      local entry = redis.call('XADD', base .. stream, '*', 'id', id)
      if states[i] then redis.call('HSET', base .. 'state:' .. id, 'state', 'ready') end
      redis.call('SET', base .. 'job:' .. id, head(stream, entry, job.asked + past) .. job.rest)
      count('ready', job.name, 1)
    end
  elseif string.sub(id, 1, 1) == ' ' then
    refill(string.sub(id, 2))
  end
end
for first = 1, #ids, 1000 do
  redis.call('ZREM', due, unpack(ids, first, math.min(first + 999, #ids)))
end
for scope, at in pairs(again) do schedule(' ' .. scope, at) end
local expired = redis.call('ZRANGEBYSCORE', base .. 'expiring', '-inf', now, 'LIMIT', 0, 100)
for _, id in ipairs(expired) do
  withdraw(id, 'expired', '', EXPIRED)
  -- Also where its job had started: the scripts that end jobs look at the record.
  redis.call('ZREM', base .. 'expiring', id)
end
write_acks()
write_counts()
write_size()
if #ids > 0 or put_back > 0 then wake() end
local following = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
return {#ids + #expired, tonumber(following[2] or -1), now}
