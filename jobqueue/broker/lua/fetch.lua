#!lua flags=allow-oom
--[[
fetch: hand ready jobs to a worker, the highest priority first, and set the worker's lease.

Within a priority, `again` (released, reclaimed) is read before `ready`. Entries that no record names were cancelled
or left by a script that stopped half way: they are dropped here.

KEYS[1]  base     string  prefix of every key of the queue; names no key itself
ARGV[1]  worker   string  id of the worker
ARGV[2]  number   int     call number of the worker; a number seen before delivers nothing
ARGV[3]  count    int     free slots of the worker, 1 or more
ARGV[4]  lease    int     life of the worker's lease, ms
ARGV[5]  bound    int     size of the journal above which nothing is delivered, bytes
ARGV[6]  budget   int     crashes that end a job
ARGV[7]  alone    int     1 when the worker already runs a job on its last life
ARGV[8]  seed     string  random bits for ids, `xxxx-xxxxxxxxxxxx`
Keys     call:<worker>, journal:size, again:<priority>, ready:<priority>, poison, job:<id>, state:<id>, leases, counts,
         wake
Returns  msgpack {status, now µs, list of deliveries}; status: ok, more (runnable jobs may remain), full (the journal
         is past its bound), stale. A delivery is {id, token, stream, entry, past, name, enqueued ms, spec, run,
         attempts so far, delivery, crashes, previous delay ms, fence}
]]
--@use clock call wake count record ack uuid7 deliver requeue poison owned
local worker, number, slots = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local last_life = tonumber(ARGV[6]) - 1
local alone = ARGV[7] == '1'
if answered(worker, number) then return reply('stale', {}) end
local size = redis.call('GET', base .. 'journal:size')
if size and tonumber(size) > tonumber(ARGV[5]) then return reply('full', {}) end

local function read(stream, limit)
  local rows = redis.pcall('XREADGROUP', 'GROUP', 'workers', worker, 'COUNT', limit, 'STREAMS', base .. stream, '>')
  if rows and rows.err then
    if not string.find(rows.err, 'NOGROUP', 1, true) then return error(rows) end
    -- At 0, never at $: what was added before the group existed is work too.
    redis.call('XGROUP', 'CREATE', base .. stream, 'workers', '0', 'MKSTREAM')
    rows = redis.call('XREADGROUP', 'GROUP', 'workers', worker, 'COUNT', limit, 'STREAMS', base .. stream, '>')
  end
  return rows and rows[1][2] or {}
end

-- Set before anything is read, since what a worker without a lease owns is never taken back; and set when nothing is
-- there, so that the consumers of an idle worker are deleted too, after its end.
redis.call('ZADD', base .. 'leases', now + tonumber(ARGV[4]), worker)
local others = not alone and admit()
local deliveries, taken = {}, {}
-- Skipped entries are bounded too, so that a million cancelled jobs never stall the server.
local touches = math.max(64, 4 * slots)
for _, stream in ipairs(STREAMS) do
  local own = string.char(160 + #stream) .. stream
  while #deliveries < slots and touches > 0 do
    local limit = math.min(slots - #deliveries, touches)
    local rows = read(stream, limit)
    touches = touches - #rows
    for _, row in ipairs(rows) do
      local entry, id = row[1], row[2][2]
      local record = redis.call('GET', base .. 'job:' .. id)
      local named = own .. string.char(160 + #entry) .. entry
      if not record or string.sub(record, 1, #named) ~= named then
        ack(stream, entry)
      else
        local past = lives(id, string.byte(record, #named + 1))
        local poisonous = past and last_life > 0 and tonumber(past[4] or 0) >= last_life
        if poisonous and alone then
          -- It must not take another such job with it: it waits for a worker without one.
          keep_back(id, parse(record))
          ack(stream, entry)
        else
          alone = alone or poisonous
          deliveries[#deliveries + 1] = deliver(id, record, past, worker, ARGV[8])
          local _, name = cmsgpack.unpack_one(record, #named + 1)
          taken[name] = (taken[name] or 0) + 1
        end
      end
    end
    if #rows < limit then break end
  end
end
write_acks()
for name, jobs in pairs(taken) do
  count('ready', name, -jobs)
  count('running', name, jobs)
end
write_counts()
remember(worker, number, '')
local more = #deliveries == slots or touches <= 0
if more or others or kept > 0 then wake() end
return reply(more and 'more' or 'ok', deliveries)
