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
Keys     journal, journal:size, journal:rows, journal:bad, job:<id>, state:<id>, scheduled, expiring, poison,
         again:<priority>, ready:<priority>, rules, limit:<scope>, rate:<scope>, parked:<scope>, scopes, unique:<key>,
         idem:<key>, lock:<key>, waiting:<key>, counts, wake
Returns  number of job records that were removed
]]
--@use clock wake due count record pieces ack requeue lock limits parking keys row leave
local journal = base .. 'journal'
local before = tonumber(redis.call('GET', base .. 'journal:size') or 0)
local ended, halfway = {}, {}
local TERMINAL = {succeeded = true, dead = true, cancelled = true, expired = true}
for _, job in ipairs(cmsgpack.unpack(ARGV[3])) do
  local live = redis.call('HMGET', base .. 'state:' .. job[1], 'token', 'state', 'ending')
  if live[1] == job[2] or live[3] == job[2] then
    ended[#ended + 1] = job
    if not TERMINAL[live[2]] then halfway[job[1]] = true end
  end
end

for id in pairs(halfway) do
  local job, live, state = find(id)
  if job then
    if live.held then vacate(live.token, cmsgpack.unpack(live.held)) end
    leave(id, job, state)
    count(state, job.name, -1)
  end
end
write_counts()
local gone = {}
for _, job in ipairs(ended) do
  local id, keep = job[1], halfway[job[1]] and 0 or job[3]
  gone[#gone + 1] = base .. 'job:' .. id
  if keep > 0 then redis.call('PEXPIRE', base .. 'state:' .. id, keep) else gone[#gone + 1] = base .. 'state:' .. id end
end
for first, last in pieces(#gone) do redis.call('DEL', unpack(gone, first, last)) end

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
