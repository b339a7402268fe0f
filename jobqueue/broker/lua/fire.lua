#!lua
--[[
fire: enqueue one occurrence of a schedule, once, whoever tries.

No flags: a script that adds work is refused whole when Redis is out of memory.

KEYS[1]  base      string  prefix of every key of the queue; names no key itself
ARGV[1]  schedule  string  name of the schedule
ARGV[2]  time      int     the occurrence, ms since epoch
ARGV[3]  id        string  job id, made of the schedule's name and the occurrence
ARGV[4]  priority  int     0-3
ARGV[5]  name      string  job name
ARGV[6]  spec      msgpack packed spec
ARGV[7]  asked     int     1 when the spec holds something to obey
Keys     fired, moved, job:<id>, state:<id>, noted, succeeded, leases, running:<worker>, ready:<priority>,
         again:<priority>, scheduled, expiring, poison, rules, limit:<scope>, rate:<scope>, parked:<scope>, scopes,
         unique:<key>, idem:<key>, lock:<key>, waiting:<key>, journal, journal:size, journal:rows, inbox:<client>,
         counts, wake, wake:due
Returns  "fired"; "already" when this or a later occurrence has fired; "early" when it lies in the future; "skipped"
         when another job has its unique key; "moved" when the schedule fires in a partition of the queue: ask again
]]
--@use clock wake due count pieces record running noted answer journal uuid7 requeue lock limits parking keys row
--@use find leave withdraw store claim
local schedule_name, time, id, priority, name, spec, asked = unpack(ARGV, 1, 7)
if redis.call('SISMEMBER', base .. 'moved', schedule_name) == 1 then return 'moved' end
local watermark = tonumber(redis.call('HGET', base .. 'fired', schedule_name) or -1)
if tonumber(time) <= watermark then return 'already' end
if tonumber(time) > now then return 'early' end
local exists = redis.call('EXISTS', base .. 'job:' .. id, base .. 'state:' .. id) > 0
  or redis.call('HEXISTS', base .. 'succeeded', id) == 1

local outcome = exists and 'already' or 'fired'
if not exists then
  local flags = asked == '1' and ASKS or 0
  local asks = flags == ASKS and asks_at(spec, 0) or {}
  local code, other = conflict(asks)
  if code == 'r' then withdraw(other, 'cancelled', 'replaced', 'replaced by ' .. id) end
  if code and code ~= 'r' then
    outcome = 'skipped'
  else
    claim(id, asks)
    count(store(id, priority, name, flags, cmsgpack.pack(name, now), spec, asks), name, 1)
    write_records()
  end
  write_counts()
end
redis.call('HSET', base .. 'fired', schedule_name, time)
wake_scheduler()
wake()
return outcome
