#!lua flags=allow-oom
--[[
fetch: hand ready jobs to a worker, the highest priority first, and set the worker's lease.

Within a priority, `again` (released, reclaimed) is read before `ready`. Entries that no record names were cancelled
or left by a script that stopped half way: they are dropped here. A job that a limit of its name or key refuses
stands aside until the limit lets it in; one that has expired, or is past its deadline, ends.

What is delivered is written down as the worker's, then leaves its stream. `taking` names the worker meanwhile: where
it does so at the start, a fetch stopped in between, and what waits still is the worker's no more.

KEYS[1]  base     string  prefix of every key of the queue; names no key itself
ARGV[1]  worker   string  id of the worker
ARGV[2]  number   int     call number of the worker; a number seen before delivers nothing
ARGV[3]  count    int     free slots of the worker, 1 or more
ARGV[4]  lease    int     life of the worker's lease, ms
ARGV[5]  bound    int     size of the journal above which nothing is delivered, bytes
ARGV[6]  budget   int     crashes that end a job
ARGV[7]  alone    int     1 when the worker already runs a job on its last life
ARGV[8]  seed     string  random bits for ids, `xxxx-xxxxxxxxxxxx`
ARGV[9…] before   string  tokens of queues that come before this one: where one lies, nothing is delivered here
Keys     call:<worker>, journal, journal:size, journal:rows, rules, again:<priority>, ready:<priority>, poison,
         job:<id>, state:<id>, leases, running:<worker>, taking, noted, counts, limit:<scope>, rate:<scope>,
         parked:<scope>, scopes, scheduled, expiring, unique:<key>, idem:<key>, lock:<key>, waiting:<key>,
         inbox:<client>, wake, wake:due
Returns  msgpack {status, now µs, list of deliveries}; status: ok, more (runnable jobs may remain), full (the journal
         is past its bound), called (a queue that comes before has a token), stale. A delivery is {id, token, stream,
         entry, flags, name, enqueued ms, spec, run, attempts so far, delivery, crashes, previous delay ms, fence, and
         for a job delivered before how often workers did not know its name, and the error of the attempt before in a
         line}
]]
--@use clock call wake due count record pieces uuid7 deliver running
local worker, number, slots = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local last_life = tonumber(ARGV[6]) - 1
local alone = ARGV[7] == '1'
local known = redis.call('MGET', base .. 'call:' .. worker, base .. 'journal:size', base .. 'rules', base .. 'taking')
if answered(number, known[1]) then return reply('stale') end
for first, last in pieces(#ARGV - 8) do
  if redis.call('EXISTS', unpack(ARGV, first + 8, last + 8)) > 0 then return reply('called') end
end
if known[2] and tonumber(known[2]) > tonumber(ARGV[5]) then return reply('full') end

-- The rules of the queue bound the slots; those of names and keys are asked job by job.
local queue_rules, bounded = {}, false
-- How much each scope still allows, and for a rate when it allows more.
local rooms = {}

-- What only rules, jobs that ask for something and poisonous ones need is defined for them alone: it takes as long as
-- delivering some jobs.
local late
local function rarely()
  if late then return late end
--@use noted answer journal requeue lock limits parking keys row find leave withdraw poison
  read_rules(known[3])

  local function full_one(under)
    for _, each in ipairs(under) do
      local scope, rule = each[1], each[2]
      rooms[scope] = rooms[scope] or {room(scope, rule)}
      if rooms[scope][1] <= 0 then return scope, rule, rooms[scope][2] end
    end
  end

  -- What its last delivery occupies still: only after a script that stopped half way.
  local function vacate_former(id)
    local former = redis.call('HMGET', base .. 'state:' .. id, 'token', 'held')
    if not former[1] or not former[2] then return end
    vacate(former[1], cmsgpack.unpack(former[2]))
    rooms = {}
  end

  -- Delivers a job under all its rules. A start counts before it is made, a slot when its token is known.
  local function start(id, record, past, under, asked)
    local held = {}
    for _, rule in ipairs(queue_rules) do under[#under + 1] = rule end
    for _, each in ipairs(under) do
      local scope, rule = each[1], each[2]
      if rule.kind == 'rate' then note_start(scope, rule) else held[#held + 1] = scope end
      if rooms[scope] then rooms[scope][1] = rooms[scope][1] - 1 end
    end
    if not past and not asked then remark(id) end
    local token = deliver(id, record, past, ARGV[8], held)
    for _, scope in ipairs(held) do redis.call('SADD', base .. scope, token) end
    return token
  end

  -- Delivers a job that asks for something, or that rules may concern; returns its token, or nil when it ended or has
  -- to wait.
  local function consider(id, record, past)
    local job = parse(record)
    local asks = job.asks
    local ends, dead = ends_at(asks, job.enqueued, past, past and past[1])
    if ends and ends <= now then
      time_out(id, dead)
      return nil
    end
    vacate_former(id)
    local under = scopes_of(job.name, asks)
    local full, rule, at = full_one(under)
    if full then
      park(id, job, full, at)
      -- Who waits for another key's sake holds nobody up; where the rule is the name's, the others would wait too.
      if rule.keyed then pass_on(job.name, asks) end
      return nil
    end
    -- A redrive begins anew, with no delivery.
    if asks.start and (not past or past[3] == '0') then free_unique(id, asks) end
    if ends and not dead then
      local later = deadline(asks, job.enqueued)
      if later then redis.call('ZADD', base .. 'expiring', later, id) else redis.call('ZREM', base .. 'expiring', id) end
    end
    return start(id, record, past, under, job.asked == ASKS)
  end

  -- A job on its last life must not take another such job with it: it waits for a worker without one.
  local function set_aside(id, record)
    local job = parse(record)
    keep_back(id, job)
    pass_on(job.name, job.asks)
  end

  late = {rules = rules, name_rules = name_rules, room = room, admit = admit, consider = consider,
    set_aside = set_aside, look_again = look_again}
  return late
end

local name_rules
if known[3] then
  name_rules = rarely().name_rules
  for label, rule in pairs(late.rules) do
    if not rule.name and rule.kind ~= 'depth' then
      queue_rules[#queue_rules + 1] = {label, rule}
      local free = late.room(label, rule)
      if free < slots then slots, bounded = math.max(free, 0), true end
    end
  end
end

-- Set before anything is read, since what a worker without a lease owns is never taken back.
redis.call('ZADD', base .. 'leases', now + tonumber(ARGV[4]), worker)
local others = not alone and slots > 0 and redis.call('EXISTS', base .. 'poison') == 1 and rarely().admit()
put_back = 0 -- what was admitted is read here
if known[4] then
  local waiting = {}
  for _, each in ipairs(running_of(known[4])) do
    if waits(each.stream, each.entry) then waiting[#waiting + 1] = each.id end
  end
  give_up(known[4], waiting)
  redis.call('DEL', base .. 'taking')
end
local taken = {}
local lines, read_to = {}, {} -- of the worker's hash, and how far each stream was read

-- An answer is bounded in bytes as well, give or take one portion: how large a job is shows once it is read.
local PORTION, MOST_BYTES = 64, 16 * 1024 * 1024
local bytes, kept = 0, false

local STREAMS = {'again:0', 'ready:0', 'again:1', 'ready:1', 'again:2', 'ready:2', 'again:3', 'ready:3'}

local byte, find = string.byte, string.find

-- Skipped entries are bounded too, so that a million cancelled jobs never stall the server.
local touches = math.max(64, 4 * slots)
for _, stream in ipairs(STREAMS) do
  local own = string.char(160 + #stream) .. stream
  while delivered < slots and touches > 0 and bytes < MOST_BYTES do
    local limit = math.min(slots - delivered, touches, PORTION)
    local from = read_to[stream] and '(' .. read_to[stream] or '-'
    local rows = redis.call('XRANGE', base .. stream, from, '+', 'COUNT', limit)
    touches = touches - #rows
    local before = put_back
    local keys = {}
    for i, row in ipairs(rows) do keys[i] = base .. 'job:' .. row[2][2] end
    local records = rows[1] and redis.call('MGET', unpack(keys))
    for i, row in ipairs(rows) do
      local entry, id, record = row[1], row[2][2], records[i]
      -- Whether it begins with this place and this entry, compared without making a new text of them.
      local before_flags = #own + 1 + #entry
      if record and find(record, entry, #own + 2, true) == #own + 2 and find(record, own, 1, true) == 1
        and byte(record, #own + 1) == 160 + #entry then
        bytes = bytes + #record
        local flags = byte(record, before_flags + 1)
        local past = flags % 2 == PAST and lives(id) or nil
        local poisonous = past and last_life > 0 and tonumber(past[4] or 0) >= last_life
        if poisonous and alone then
          rarely().set_aside(id, record)
          kept = true
        else
          local name = name_of(record, before_flags + 1)
          local token
          if flags >= ASKS or queue_rules[1] or name_rules and name_rules[name] then
            token = rarely().consider(id, record, past)
          else
            token = deliver(id, record, past, ARGV[8])
          end
          if token then
            alone = alone or poisonous
            taken[name] = (taken[name] or 0) + 1
            lines[#lines + 1], lines[#lines + 2] = id, delivery_of(token, stream, entry)
          end
        end
      end
      read_to[stream] = entry
    end
    -- What was let in meanwhile may stand in this stream.
    if #rows < limit and put_back == before then break end
  end
end
if lines[1] then
  redis.call('SET', base .. 'taking', worker)
  for first, last in pieces(#lines) do redis.call('HSET', base .. 'running:' .. worker, unpack(lines, first, last)) end
end
-- All that was read has gone elsewhere. To cut off the begin of a stream is much cheaper than to delete its entries.
for stream, entry in pairs(read_to) do
  local ms, place = string.match(entry, '^(%d+)-(%d+)$')
  redis.call('XTRIM', base .. stream, 'MINID', ms .. '-' .. string.format('%d', place + 1))
end
if lines[1] then redis.call('DEL', base .. 'taking') end
for _, each in ipairs(queue_rules) do
  local free, at = late.room(each[1], each[2])
  if free <= 0 and at then schedule(' ' .. each[1], at) end
end
if name_rules and delivered < slots and touches > 0 and bytes < MOST_BYTES then late.look_again() end
for name, jobs in pairs(taken) do
  count('ready', name, -jobs)
  count('running', name, jobs)
end
write_counts()
remember(worker, number, '')
wake_scheduler()
local more = delivered == slots and not bounded or touches <= 0 or bytes >= MOST_BYTES
if more or others or kept or put_back > 0 then
  wake()
elseif ARGV[7] ~= '1' then -- who came with a last life can't say that none waits for others
  redis.call('DEL', base .. 'wake') -- it would call in vain
end
return reply(more and 'more' or 'ok')
