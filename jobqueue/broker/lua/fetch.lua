#!lua flags=allow-oom
--[[
fetch: hand ready jobs to a worker, the highest priority first, and set the worker's lease.

Within a priority, `again` (released, reclaimed) is read before `ready`. Entries that no record names were cancelled
or left by a script that stopped half way: they are dropped here. A job that a limit of its name or key refuses
stands aside until the limit lets it in; one that has expired ends.

KEYS[1]  base     string  prefix of every key of the queue; names no key itself
ARGV[1]  worker   string  id of the worker
ARGV[2]  number   int     call number of the worker; a number seen before delivers nothing
ARGV[3]  count    int     free slots of the worker, 1 or more
ARGV[4]  lease    int     life of the worker's lease, ms
ARGV[5]  bound    int     size of the journal above which nothing is delivered, bytes
ARGV[6]  budget   int     crashes that end a job
ARGV[7]  alone    int     1 when the worker already runs a job on its last life
ARGV[8]  seed     string  random bits for ids, `xxxx-xxxxxxxxxxxx`
Keys     call:<worker>, journal, journal:size, rules, again:<priority>, ready:<priority>, poison, job:<id>, state:<id>,
         leases, counts, limit:<scope>, rate:<scope>, parked:<scope>, scheduled, expiring, unique:<key>, idem:<key>,
         lock:<key>, waiting:<key>, inbox:<client>, wake, wake:due
Returns  msgpack {status, now µs, list of deliveries}; status: ok, more (runnable jobs may remain), full (the journal
         is past its bound), stale. A delivery is {id, token, stream, entry, flags, name, enqueued ms, spec, run,
         attempts so far, delivery, crashes, previous delay ms, fence, and for a job delivered before how often workers
         did not know its name}
]]
--@use clock call wake due count record ack answer journal uuid7 deliver requeue lock limits keys row withdraw poison owned
local worker, number, slots = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local last_life = tonumber(ARGV[6]) - 1
local alone = ARGV[7] == '1'
if answered(worker, number) then return reply('stale', {}) end
local settings = redis.call('MGET', base .. 'journal:size', base .. 'rules')
if settings[1] and tonumber(settings[1]) > tonumber(ARGV[5]) then return reply('full', {}) end

-- The rules of the queue bound the slots; those of names and keys are asked job by job.
local queue_rules, name_rules, bounded = {}, nil, false
if settings[2] then
  read_rules(settings[2])
  for label, rule in pairs(rules) do
    if rule.name then
      name_rules = name_rules or {}
      name_rules[rule.name] = name_rules[rule.name] or {}
      table.insert(name_rules[rule.name], rule)
    elseif rule.kind ~= 'depth' then
      table.insert(queue_rules, rule)
      local free = room(label, rule)
      if free < slots then slots, bounded = math.max(free, 0), true end
    end
  end
end

-- How much each scope still allows, and for a rate when it allows more.
local rooms = {}

-- The rules that a job is under, as {scope, rule}, and the first scope that has no room.
local function held_by(name, asks)
  local under = {}
  for _, rule in ipairs(name_rules and name_rules[name] or {}) do
    local key = rule.keyed and asks.keys and asks.keys[rule.label]
    if key or not rule.keyed then
      local scope = rule.label .. (key and '=' .. key or '')
      rooms[scope] = rooms[scope] or {room(scope, rule)}
      if rooms[scope][1] <= 0 then return nil, scope end
      under[#under + 1] = {scope, rule}
    end
  end
  return under
end

local function park(id, job, scope)
  redis.call('ZADD', base .. 'parked:' .. scope, tonumber(job.priority) * 1e13 + job.enqueued, id)
  stand_aside(id, job, 'parked:')
  count('ready', job.name, -1)
  if rooms[scope][2] then schedule(' ' .. scope, rooms[scope][2]) end
end

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
local others = not alone and slots > 0 and admit()
put_back = 0 -- what was admitted is read here
local deliveries, taken = {}, {}

-- Hands over a job that asks for something, or that rules may concern; returns nil when it ended or has to wait.
local function consider(id, record, stream, entry, past, name)
  local job = parse(record)
  local asks = job.asks
  local expires = not past and expiry(asks, job.enqueued)
  if expires and expires <= now then
    withdraw(id, 'expired', '', EXPIRED)
    return nil
  end
  local under, full = held_by(name, asks)
  if full then
    park(id, job, full)
    ack(stream, entry)
    return nil
  end
  if not past and asks.start then free_unique(id, asks) end
  if expires then redis.call('ZREM', base .. 'expiring', id) end
  local held = {}
  for i, each in ipairs(under) do held[i] = each[1] end
  for _, rule in ipairs(queue_rules) do held[#held + 1] = rule.label end
  local delivery, token = deliver(id, record, past, worker, ARGV[8], held)
  for _, each in ipairs(under) do
    occupy(each[1], each[2], token)
    rooms[each[1]][1] = rooms[each[1]][1] - 1
  end
  for _, rule in ipairs(queue_rules) do occupy(rule.label, rule, token) end
  return delivery
end

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
        local flags = string.byte(record, #named + 1)
        local past = flags % 2 == PAST and lives(id) or nil
        local poisonous = past and last_life > 0 and tonumber(past[4] or 0) >= last_life
        if poisonous and alone then
          -- It must not take another such job with it: it waits for a worker without one.
          keep_back(id, parse(record))
          ack(stream, entry)
        else
          local _, name = cmsgpack.unpack_one(record, #named + 1)
          local delivery
          if rules or flags >= ASKS then
            delivery = consider(id, record, stream, entry, past, name)
          else
            delivery = deliver(id, record, past, worker, ARGV[8])
          end
          if delivery then
            alone = alone or poisonous
            deliveries[#deliveries + 1] = delivery
            taken[name] = (taken[name] or 0) + 1
          end
        end
      end
    end
    if #rows < limit then break end
  end
end
for _, rule in ipairs(queue_rules) do
  local free, at = room(rule.label, rule)
  if free <= 0 and at then schedule(' ' .. rule.label, at) end
end
write_acks()
for name, jobs in pairs(taken) do
  count('ready', name, -jobs)
  count('running', name, jobs)
end
write_counts()
write_size()
remember(worker, number, '')
wake_scheduler()
local more = #deliveries == slots and not bounded or touches <= 0
if more or others or kept > 0 or put_back > 0 then wake() end
return reply(more and 'more' or 'ok', deliveries)
