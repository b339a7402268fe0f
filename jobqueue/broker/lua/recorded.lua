#!lua flags=allow-oom
--[[
recorded: PostgreSQL has these journal records: drop them, and the records of the jobs that they ended.

A job's record goes only if exactly this execution ended it, so that a late recorder never destroys a job that was
redriven meanwhile. A result may live on for a time. A bad record moves to `journal:bad`, once, and takes no memory
that it did not have before.

KEYS[1]  base     string  prefix of every key of the queue; names no key itself
ARGV[1]  records  msgpack list of {journal entry, job id, execution id, final, how long to keep the result in ms, size
                  in bytes, bad}
ARGV[2]  bound    int     size of the journal above which workers stop, bytes
Keys     journal, journal:size, journal:bad, job:<id>, state:<id>, wake
Returns  number of job records that were removed
]]
--@use wake
local records = cmsgpack.unpack(ARGV[1])
local journal = base .. 'journal'
local before = tonumber(redis.call('GET', base .. 'journal:size') or 0)
local ended, bad = {}, {}
for _, row in ipairs(records) do
  local entry, id, execution, final = unpack(row, 1, 4)
  if final and redis.call('HGET', base .. 'state:' .. id, 'token') == execution then ended[#ended + 1] = row end
  if row[7] then bad[#bad + 1] = redis.call('XRANGE', journal, entry, entry)[1] end
end

for _, row in ipairs(ended) do
  local id, keep = row[2], row[5]
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
if before > tonumber(ARGV[2]) then wake() end
return #ended
