#!lua flags=allow-oom
--[[
promote: make due jobs ready, let in what a rate allows again, and end what expired or is past its deadline. Never
early: the server's clock decides.

A job that is ready, runs, or stands aside already is there since a promotion or a finish stopped half way. It leaves
the schedule and nothing else happens to it. A member that begins with a space is the
marker of a scope: jobs wait for that.

KEYS[1]  base   string  prefix of every key of the queue; names no key itself
ARGV[1]  limit  int     most jobs in one call
Keys     scheduled, expiring, succeeded, leases, running:<worker>, job:<id>, state:<id>, noted, ready:<priority>,
         again:<priority>, counts, rules, limit:<scope>, rate:<scope>, parked:<scope>, scopes, unique:<key>, idem:<key>,
         lock:<key>, waiting:<key>, poison, journal, journal:size, journal:rows, inbox:<client>, wake
Returns  {members that were due, time of the next one in ms since epoch or -1, now ms}
]]
--@use clock wake due count record pieces running noted answer journal uuid7 requeue lock limits parking keys row
--@use find leave withdraw write mature
local due = base .. 'scheduled'
local ids = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, ARGV[1])
local keys, records = {}, {}
for i, id in ipairs(ids) do keys[i] = base .. 'job:' .. id end
for first, last in pieces(#keys) do
  for _, record in ipairs(redis.call('MGET', unpack(keys, first, last))) do records[#records + 1] = record end
end
local plain, jobs, states = {}, {}, {}
local DELAYED = {scheduled = true, retrying = true}

-- Whether a promotion stopped half way: the job's state is new, and its place the one before its retry.
local function lies_nowhere(id, job, state)
  return WAITING[state or 'ready'] and job.entry ~= '-' and not waits(job.place, job.entry)
    and redis.call('HEXISTS', base .. 'succeeded', id) == 0 and not runner_of(id, job)
end

-- Where the flags stand in the record of a job that waits for its first run and asks for nothing, as most do: whatever its
-- state hash has, it is no state.
local function flags_of_plain(record)
  local _, flags = open(record)
  return string.byte(record, flags) == 0 and string.find(record, 'scheduled:', 2, true) == 2 and flags
end

for i, id in ipairs(ids) do
  local record = records[i]
  plain[i] = record and flags_of_plain(record)
  local job = record and not plain[i] and parse(record)
  local state = job and redis.call('HGET', base .. 'state:' .. id, 'state')
  if job and (DELAYED[state] or string.match(job.place, '^%a+') == 'scheduled' or lies_nowhere(id, job, state)) then
    jobs[i], states[i] = job, state
  end
end

local gone, readied = {}, 0
for i, id in ipairs(ids) do
  local record, flags, job = records[i], plain[i], jobs[i]
  local stays = false
  if flags then
    local name = name_of(record, flags)
    count('scheduled', name, -1)
    make_ready(id, string.sub(record, 12, 12), name, 0, string.sub(record, flags + 1))
    readied = readied + 1
  elseif job then
    if mature(id, job, states[i]) then readied = readied + 1 end
  elseif string.sub(id, 1, 1) == ' ' then
    stays = refill(string.sub(id, 2))
  end
  if not stays then gone[#gone + 1] = id end
end
write_records()
for first, last in pieces(#gone) do redis.call('ZREM', due, unpack(gone, first, last)) end
local expiring = base .. 'expiring'
local expired = redis.call('ZRANGEBYSCORE', expiring, '-inf', now, 'LIMIT', 0, ARGV[1])
local AGAIN = 60000 -- ms until the next look at a job that runs past its deadline: its worker ends it
for _, id in ipairs(expired) do
  local job, live, state = find(id)
  local ends, dead, later
  if job and (WAITING[state] or state == 'running') then
    ends, dead = ends_at(job.asks, job.enqueued, live.token, live.run)
  end
  if ends and live.token and ends > now then
    later = ends -- it had started, and does not expire; its fetch stopped half way
  elseif ends and state == 'running' then
    later = now + AGAIN
  elseif ends then
    time_out(id, dead)
  end
  if later then redis.call('ZADD', expiring, later, id) else redis.call('ZREM', expiring, id) end
end
write_counts()
if readied + put_back > 0 then wake() end
local following
for _, set in ipairs({due, expiring}) do
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  if first[2] then following = math.min(following or math.huge, tonumber(first[2])) end
end
return {#ids + #expired, following or -1, now}
