#!lua flags=allow-oom
--[[
recorded: PostgreSQL has these journal records: drop them, and the records of the jobs that they ended.

A job's record goes only if exactly this execution ended it, so that a late recorder never destroys a job that was
redriven meanwhile. A finish or cancel that stopped half way, and was not repeated, is brought to its end here. A
result may live on for a time. A bad record moves to `journal:bad`, once, and takes no memory
that it did not have before.

KEYS[1]  base     string  prefix of every key of the queue; names no key itself
ARGV[1]  records  msgpack list of {journal entry, job id, execution id, final, how long to keep the result in ms, size
                  in bytes, bad}
ARGV[2]  bound    int     size of the journal above which workers stop, bytes
Keys     journal, journal:size, journal:bad, job:<id>, state:<id>, scheduled, expiring, poison, again:<priority>,
         ready:<priority>, rules, limit:<scope>, rate:<scope>, parked:<scope>, scopes, unique:<key>, idem:<key>,
         lock:<key>, waiting:<key>, counts, wake
Returns  number of job records that were removed
]]
--@use clock wake due count record ack requeue lock limits parking keys row leave
local records = cmsgpack.unpack(ARGV[1])
local journal = base .. 'journal'
local before = tonumber(redis.call('GET', base .. 'journal:size') or 0)
local ended, halfway, bad = {}, {}, {}
local TERMINAL = {succeeded = true, dead = true, cancelled = true, expired = true}
for _, row in ipairs(records) do
  local entry, id, execution, final = unpack(row, 1, 4)
  local live = final and redis.call('HMGET', base .. 'state:' .. id, 'token', 'state', 'ending')
  if live and (live[1] == execution or live[3] == execution) then
    ended[#ended + 1] = row
    if not TERMINAL[live[2]] then halfway[id] = true end
  end
  if row[7] then bad[#bad + 1] = redis.call('XRANGE', journal, entry, entry)[1] end
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
for _, row in ipairs(ended) do
  local id, keep = row[2], halfway[row[2]] and 0 or row[5]
  local state = base .. 'state:' .. id
  redis.call('DEL', base .. 'job:' .. id)
  if keep > 0 then redis.call('PEXPIRE', state, keep) else redis.call('DEL', state) end
end
for _, row in ipairs(bad) do redis.call('XADD', base .. 'journal:bad', '*', 'r', row[2][2], 'entry', row[1]) end
local dropped, entries = 0, {}
for i, row in ipairs(records) do
  -- One by one, since the answer says whether it was there: repeated, a record counts once.
  dropped = dropped + redis.call('XDEL', journal, row[1]) * row[6]
  entries[i] = row[1]
end
-- After the deletion: an entry that is only acknowledged would stay for ever.
for first = 1, #entries, 1000 do
  redis.call('XACK', journal, 'recorder', unpack(entries, first, math.min(first + 999, #entries)))
end
if redis.call('XLEN', journal) == 0 then
  redis.call('DEL', base .. 'journal:size')
elseif dropped > 0 then
  redis.call('DECRBY', base .. 'journal:size', dropped)
end
-- Above its bound the journal was a reason not to read: say that it is gone.
if before > tonumber(ARGV[2]) or put_back > 0 then wake() end
return #ended
