#!lua
--[[
fire: enqueue one occurrence of a schedule, or skip it, once, whoever tries; and write down what became of it.

No flags: a script that adds work is refused whole when Redis is out of memory.

KEYS[1]  base       string  prefix of every key of the queue; names no key itself
ARGV[1]  schedule   string  name of the schedule
ARGV[2]  time       int     the occurrence, ms since epoch
ARGV[3]  id         string  job id, made of the schedule's name and the occurrence
ARGV[4]  priority   int     0-3
ARGV[5]  name       string  job name
ARGV[6]  spec       msgpack packed spec
ARGV[7]  asked      int     1 when the spec holds something to obey
ARGV[8]  due        int     when it is to be enqueued, ms since epoch
ARGV[9]  skip       string  why it is not enqueued; empty when it is
ARGV[10] overlap    string  what to do when the schedule's last job has not ended: allow, skip or cancel
ARGV[11] triggered  int     1 when an operator fires it: it has no place in the order of occurrences
ARGV[12] others     msgpack occurrences before it that are skipped with it; goes into the ledger as it is
Keys     fired, moved, latest, ledger, job:<id>, state:<id>, noted, succeeded, leases, running:<worker>,
         ready:<priority>, again:<priority>, scheduled, expiring, poison, rules, limit:<scope>, rate:<scope>,
         parked:<scope>, scopes, unique:<key>, idem:<key>, lock:<key>, waiting:<key>, journal, journal:size,
         journal:rows, inbox:<client>, counts, tell:<worker>, wake, wake:due
Returns  "fired"; "already" when this or a later occurrence has fired; "early" when it lies in the future; "skipped"
         when it was told to, another job has its unique key or the last one has not ended; "moved" when the schedule
         fires in a partition of the queue: ask again
]]
--@use clock wake due count pieces record running noted answer journal uuid7 requeue lock limits parking keys row
--@use find leave withdraw write store claim tell
local schedule_name, time, id, priority, name, spec, asked = unpack(ARGV, 1, 7)
local due, skip, overlap, triggered, others = unpack(ARGV, 8, 12)
-- Entries that no scheduler with a database takes; of more than so many the oldest go.
local MOST = 50000

if triggered ~= '1' then
  if redis.call('SISMEMBER', base .. 'moved', schedule_name) == 1 then return 'moved' end
  local watermark = tonumber(redis.call('HGET', base .. 'fired', schedule_name) or -1)
  if tonumber(time) <= watermark then return 'already' end
  if tonumber(due) > now then return 'early' end
end
local exists = redis.call('EXISTS', base .. 'job:' .. id, base .. 'state:' .. id) > 0
  or redis.call('HEXISTS', base .. 'succeeded', id) == 1

-- Why an occurrence that is to be enqueued can't be. What stands in the way of it is ended, if that is wanted.
local function refused(asks)
  local last = overlap ~= 'allow' and redis.call('HGET', base .. 'latest', schedule_name)
  local _, live, state, worker
  if last then
    _, live, state, worker = find(last)
    if overlap == 'skip' and (WAITING[state] or state == 'running') then return 'overlap' end
  end
  local message = 'its schedule came round again'
  local code, other = conflict(asks)
  -- A unique key is free as soon as that one has ended; an idempotency key is not.
  local frees = last and other == last and WAITING[state] and not asks.idem
  if code and code ~= 'r' and not frees then
    -- It keeps its key until its worker has ended it: so a later occurrence comes into its own.
    if other == last and state == 'running' then tell_worker(last, worker, live.token, message) end
    return 'unique'
  end
  if last then
    withdraw(last, 'cancelled', 'cancelled', message)
    if state == 'running' then tell_worker(last, worker, live.token, message) end
  end
  if code and other ~= last then withdraw(other, 'cancelled', 'replaced', 'replaced by ' .. id) end
  return ''
end

if skip == '' and not exists then
  local flags = asked == '1' and ASKS or 0
  local asks = flags == ASKS and asks_at(spec, 0) or {}
  skip = refused(asks)
  if skip == '' then
    claim(id, asks)
    count(store(id, priority, name, flags, cmsgpack.pack(name, now), spec, asks), name, 1)
    write_records()
  end
  write_counts()
end
local enqueued = skip == ''
if enqueued and triggered ~= '1' then redis.call('HSET', base .. 'latest', schedule_name, id) end
local entry = cmsgpack.pack({1, schedule_name, tonumber(time), tonumber(due), now, name,
  enqueued and 'enqueued' or 'skipped', skip, enqueued and id or '', tonumber(triggered)})
redis.call('XADD', base .. 'ledger', 'MAXLEN', '~', MOST, '*', 'entry', entry, 'others', others)
if triggered ~= '1' then redis.call('HSET', base .. 'fired', schedule_name, time) end
wake_scheduler()
wake()
if not enqueued then return 'skipped' end
return exists and 'already' or 'fired'
