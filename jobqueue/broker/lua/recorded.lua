#!lua flags=allow-oom
--[[
recorded: PostgreSQL has these journal entries: drop them, and the records of the jobs that they ended.

A job's record goes only if exactly this execution ended it, so that a late recorder never destroys a job that was
redriven meanwhile. A finish or cancel that stopped half way, and was not repeated, is brought to its end here. A
result may live on for a time. A record that PostgreSQL refused goes to `journal:bad`, once.

KEYS[1]  base     string  prefix of every key of the queue; names no key itself
ARGV[1]  bound    int     size of the journal above which workers stop, bytes
ARGV[2]  entries  msgpack list of {journal entry, its size in bytes, number of its records, number of bad ones}
ARGV[3]  ended    msgpack list of {job id, execution id, how long to keep the result in ms}
ARGV[4…] bad      msgpack the records that PostgreSQL refused, in the order of their entries
Keys     journal, journal:size, journal:rows, journal:bad, job:<id>, state:<id>, noted, succeeded, leases,
         running:<worker>, scheduled, expiring, poison, again:<priority>, ready:<priority>, rules, limit:<scope>,
         rate:<scope>, parked:<scope>, scopes, unique:<key>, idem:<key>, lock:<key>, waiting:<key>, counts, wake
Returns  number of job records that were removed
]]
--@use clock wake due count record pieces running requeue lock limits parking keys find leave
local journal = base .. 'journal'
local before = tonumber(redis.call('GET', base .. 'journal:size') or 0)
local TERMINAL = {succeeded = true, dead = true, cancelled = true, expired = true}
local finals = cmsgpack.unpack(ARGV[3])

-- Those that left no state are known by one look.
local ids, succeeded = {}, {}
for i, job in ipairs(finals) do ids[i] = job[1] end
for first, last in pieces(#ids) do
  for _, token in ipairs(redis.call('HMGET', base .. 'succeeded', unpack(ids, first, last))) do
    succeeded[#succeeded + 1] = token
  end
end

-- Brings a finish or a cancel to its end; says whether that was the execution that the row is of, and whether nothing is
-- to be kept of it.
local function end_of(id, execution)
  local live = redis.call('HMGET', base .. 'state:' .. id, 'token', 'state', 'ending', 'deleted')
  local known = live[1] == execution or live[3] == execution
  if known and TERMINAL[live[2]] then return true, live[4] end
  local job, now_live, state, worker = find(id)
  if not job or not known and now_live.token ~= execution then return known end
  if now_live.held then vacate(now_live.token, cmsgpack.unpack(now_live.held)) end
  leave(id, job, state)
  count(state, job.name, -1)
  if worker then give_up(worker, {id}) end
  return true, true
end

local gone, plain, ended = {}, {}, {}
for i, job in ipairs(finals) do
  local id, execution, keep = unpack(job, 1, 3)
  if succeeded[i] == execution then
    gone[#gone + 1], plain[#plain + 1], ended[#ended + 1] = base .. 'job:' .. id, id, id
  else
    local known, over = end_of(id, execution)
    if known then
      gone[#gone + 1], ended[#ended + 1] = base .. 'job:' .. id, id
      local key = base .. 'state:' .. id
      if keep > 0 and not over then redis.call('PEXPIRE', key, keep) else gone[#gone + 1] = key end
    end
  end
end
write_counts()
if redis.call('EXISTS', base .. 'noted') == 1 then
  for first, last in pieces(#ended) do redis.call('SREM', base .. 'noted', unpack(ended, first, last)) end
end
for first, last in pieces(#gone) do redis.call('DEL', unpack(gone, first, last)) end
for first, last in pieces(#plain) do redis.call('HDEL', base .. 'succeeded', unpack(plain, first, last)) end

local bytes, rows, bad = 0, 0, 3
for _, each in ipairs(cmsgpack.unpack(ARGV[2])) do
  local entry, size, count, refused = unpack(each, 1, 4)
  -- Repeated, an entry that is gone counts for nothing, and its bad records are where they belong.
  local there = refused > 0 and #redis.call('XRANGE', journal, entry, entry) > 0
  for i = 1, refused do
    if there then redis.call('XADD', base .. 'journal:bad', '*', 'r', ARGV[bad + i], 'entry', entry) end
  end
  bad = bad + refused
  local dropped = redis.call('XDEL', journal, entry)
  bytes, rows = bytes + dropped * size, rows + dropped * count
  -- After the deletion: an entry that is only acknowledged would stay for ever.
  redis.call('XACK', journal, 'recorder', entry)
end
if redis.call('XLEN', journal) == 0 then
  redis.call('DEL', base .. 'journal:size', base .. 'journal:rows')
elseif bytes > 0 then
  redis.call('DECRBY', base .. 'journal:size', bytes)
  redis.call('DECRBY', base .. 'journal:rows', rows)
end
-- Above its bound the journal was a reason not to read: say that it is gone.
if before > tonumber(ARGV[1]) or put_back > 0 then wake() end
return #ended
