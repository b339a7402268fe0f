#!lua flags=allow-oom
--[[
recorded: PostgreSQL has these journal records: drop them, and the records of the jobs that they ended.

A job's record goes only if exactly this execution ended it, so that a late recorder never destroys a job that was
redriven meanwhile. A result may live on for a time.

KEYS[1]  base     string  prefix of every key of the queue; names no key itself
ARGV[1]  records  msgpack list of {journal entry, job id, execution id, final, how long to keep the result in ms}
ARGV[2]  bound    int     size of the journal above which workers stop, bytes
Keys     journal, job:<id>, state:<id>, wake
Returns  number of job records that were removed
]]
--@use wake
local records = cmsgpack.unpack(ARGV[1])
local journal = base .. 'journal'
local size = redis.call('MEMORY', 'USAGE', journal, 'SAMPLES', 1)
local entries, ended = {}, {}
for i, row in ipairs(records) do
  local entry, id, execution, final = unpack(row, 1, 4)
  entries[i] = entry
  if final and redis.call('HGET', base .. 'state:' .. id, 'token') == execution then ended[#ended + 1] = row end
end

for _, row in ipairs(ended) do
  local id, keep = row[2], row[5]
  local state = base .. 'state:' .. id
  redis.call('DEL', base .. 'job:' .. id)
  if keep > 0 then redis.call('PEXPIRE', state, keep) else redis.call('DEL', state) end
end
for first = 1, #entries, 1000 do
  local last = math.min(first + 999, #entries)
  -- In this order: an entry that is only acknowledged would stay for ever.
  redis.call('XDEL', journal, unpack(entries, first, last))
  redis.call('XACK', journal, 'recorder', unpack(entries, first, last))
end
-- Above its bound the journal was a reason not to read: say that it is gone.
if size and size > tonumber(ARGV[2]) then wake() end
return #ended
