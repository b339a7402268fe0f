#!lua
--[[
enqueue: store new jobs, ready at once or at a later time, and say what became of each.

No flags: a script that adds work is refused whole when Redis is out of memory.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  caller  string  id of the producer's lane
ARGV[2]  number  int     call number of that lane; the same number gets the same answer
ARGV[3]  ids     msgpack list of the jobs' ids
ARGV[4]  runs    msgpack what jobs in a row have in common: list of {how many, priority 0-3, delay ms or nil, time ms since
                 epoch or nil, name, whether the specs hold something to obey}
ARGV[5]  sizes   msgpack list of the length of each packed spec, in their order
ARGV[6]  specs   msgpack the packed specs, one behind the other
Keys     call:<caller>, rules, counts, job:<id>, state:<id>, noted, ready:<priority>, again:<priority>, scheduled,
         expiring, unique:<key>, idem:<key>, lock:<key>, waiting:<key>, poison, leases, running:<worker>, succeeded,
         limit:<scope>, rate:<scope>, parked:<scope>, scopes, journal, journal:size, journal:rows, inbox:<client>, wake,
         wake:due
Returns  a string with one letter for each job: c created, b created and blocked by the holder of its lock, r created
         and another one replaced, x a job with this id exists, d an equal one exists, u its unique key is taken, m its
         idempotency key belongs to other arguments, f the queue is full; after b, r, d, u and m, in their order, a new
         line each with the id of the other job; "stale" for a lower number
]]
--@use clock call wake due count pieces record
local number = tonumber(ARGV[2])
local known = redis.call('MGET', base .. 'call:' .. ARGV[1], base .. 'rules')
local before = answered(number, known[1])
if before then return before end

-- What only jobs that ask for something need is defined for them alone: it takes as long as storing one that does not.
local late
local function asking()
  if late then return late end
--@use running noted answer journal uuid7 requeue lock limits parking keys row find leave withdraw claim
  late = {claim = claim, conflict = conflict, take_lock = take_lock, withdraw = withdraw}
  return late
end

local function take_lock(id, key) return asking().take_lock(id, key) end
--@use write store

local ids, jobs = cmsgpack.unpack(ARGV[3]), {}
for _, run in ipairs(cmsgpack.unpack(ARGV[4])) do
  for i = #jobs + 1, #jobs + run[1] do jobs[i] = run end
end
-- An id is taken as long as the record or the kept result of its job is here, or the recorder is not done with it;
-- mostly none is, and one look says so.
local keys = {}
for i, id in ipairs(ids) do keys[2 * i - 1], keys[2 * i] = base .. 'job:' .. id, base .. 'state:' .. id end
local some = false
for first, last in pieces(#keys) do some = redis.call('EXISTS', unpack(keys, first, last)) > 0 or some end
local over = {}
if redis.call('EXISTS', base .. 'succeeded') == 1 then
  for first, last in pieces(#ids) do
    for _, token in ipairs(redis.call('HMGET', base .. 'succeeded', unpack(ids, first, last))) do
      over[#over + 1] = token
    end
  end
end
local codes = {}
local taken = {}
for i, id in ipairs(ids) do
  local exists = taken[id] or some and redis.call('EXISTS', keys[2 * i - 1], keys[2 * i]) > 0 or over[i]
  taken[id] = true
  codes[i] = exists and 'x' or 'c'
end

-- Jobs that wait to be run now, counted only where a rule bounds them.
local COUNTED = {ready = true, blocked = true}
local bound = known[2] and cmsgpack.unpack(known[2])['depth:queue']
local waiting = 0
if bound then
  local counts = redis.call('HGETALL', base .. 'counts')
  for i = 1, #counts, 2 do
    if COUNTED[string.match(counts[i], '^%a+')] then waiting = waiting + tonumber(counts[i + 1]) end
  end
end

-- Stores one job, whose letter is c or r; returns the job whose lock it waits for.
local some_ready = false
local begins = {} -- what the records of a name have in common: packing it for each job takes a tenth of the script
local function add(id, job, spec, asks, due)
  local priority, name, asked = job[2], job[5], job[6]
  if asked then asking().claim(id, asks) end
  begins[name] = begins[name] or cmsgpack.pack(name, now)
  local state, owner = store(id, priority, name, asked and ASKS or 0, begins[name], spec, asks, due)
  if asked then write_records() end -- a later job of this call may ask for the same key, and looks for who has it
  count(state, name, 1)
  some_ready = some_ready or state == 'ready'
  return owner
end

local NONE = {}
local sizes, specs, first = cmsgpack.unpack(ARGV[5]), ARGV[6], 1
local others = {}
for i, job in ipairs(jobs) do
  local spec = string.sub(specs, first, first + sizes[i] - 1)
  first = first + sizes[i]
  if codes[i] == 'c' then
    local due = job[3] and now + job[3] or job[4]
    local asks, code, other, state = NONE, nil, nil, nil
    if job[6] then
      asks = asks_at(spec, 0)
      code, other, state = asking().conflict(asks)
    end
    local more = (due and due > now and 0 or 1) - (COUNTED[state] and 1 or 0)
    if bound and more > 0 and waiting >= bound.n and (not code or code == 'r') then code, other = 'f', nil end
    if code == 'r' then asking().withdraw(other, 'cancelled', 'replaced', 'replaced by ' .. ids[i]) end
    if not code or code == 'r' then
      waiting = waiting + more
      local owner = add(ids[i], job, spec, asks, due)
      if owner and not other then code, other = 'b', owner end
    end
    codes[i] = code or 'c'
    if other then others[#others + 1] = '\n' .. other end
  end
end
write_records()
write_counts()
local reply = table.concat(codes) .. table.concat(others)
remember(ARGV[1], number, reply)
wake_scheduler()
if some_ready or put_back > 0 then wake() end
return reply
