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
Returns  {members that were looked at, time of the next one in ms since epoch or -1, now ms}; of large jobs a call takes
         fewer than `limit`, so more may be due
]]
--@use clock wake due count record pieces running noted answer journal uuid7 requeue lock limits parking keys row
--@use find leave withdraw write mature
local due = base .. 'scheduled'
local ids = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, ARGV[1])
local DELAYED = {scheduled = true, retrying = true}
-- Jobs read at once; in one call records of so many bytes, give or take one portion. Large jobs wait for the next: their
-- records lie in memory three times while they are written. So portions begin small.
local FIRST, MOST_AT_ONCE, ENOUGH = 4, 50, 8e6

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

-- Whether the job is ready now.
local function promote(id, record)
  local flags = flags_of_plain(record)
  if flags then
    local name = name_of(record, flags)
    count('scheduled', name, -1)
    make_ready(id, string.sub(record, 12, 12), name, 0, string.sub(record, flags + 1))
    return true
  end
  local job, state = parse(record), redis.call('HGET', base .. 'state:' .. id, 'state')
  return (DELAYED[state] or string.match(job.place, '^%a+') == 'scheduled' or lies_nowhere(id, job, state))
    and mature(id, job, state)
end

-- A stop leaves the counters short of one portion; the jobs of the others are counted, and somebody was woken for them.
local seen, bytes, portion = 0, 0, FIRST
while seen < #ids and bytes < ENOUGH do
  local keys, gone, readied = {}, {}, 0
  for i = seen + 1, math.min(seen + portion, #ids) do keys[#keys + 1] = base .. 'job:' .. ids[i] end
  for i, record in ipairs(redis.call('MGET', unpack(keys))) do
    local id, stays = ids[seen + i], false
    if record then
      bytes = bytes + #record
      if promote(id, record) then readied = readied + 1 end
    elseif string.sub(id, 1, 1) == ' ' then
      stays = refill(string.sub(id, 2))
    end
    if not stays then gone[#gone + 1] = id end
  end
  write_records()
  if #gone > 0 then redis.call('ZREM', due, unpack(gone)) end
  write_counts()
  if readied > 0 then wake() end
  seen, portion = seen + #keys, math.min(2 * portion, MOST_AT_ONCE)
end
local expiring = base .. 'expiring'
local expired = redis.call('ZRANGEBYSCORE', expiring, '-inf', now, 'LIMIT', 0, ARGV[1])
local AGAIN = 60000 -- ms until the next look at a job that runs past its deadline: its worker ends it
local ended = 0
for _, id in ipairs(expired) do
  if bytes >= ENOUGH then break end
  local job, live, state = find(id)
  bytes = bytes + (job and #job.rest or 0)
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
  ended = ended + 1
end
write_counts()
if put_back > 0 then wake() end
local following
for _, set in ipairs({due, expiring}) do
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  if first[2] then following = math.min(following or math.huge, tonumber(first[2])) end
end
return {seen + ended, following or -1, now}
