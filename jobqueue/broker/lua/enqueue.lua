#!lua
--[[
enqueue: store new jobs, ready at once or at a later time, and say which ids were taken already.

No flags: a script that adds work is refused whole when Redis is out of memory.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  caller  string  id of the producer's lane
ARGV[2]  number  int     call number of that lane; the same number gets the same answer
ARGV[3]  jobs    msgpack list of {id, priority 0-3, delay ms or nil, time ms since epoch or nil, name}
ARGV[4]  sizes   msgpack list of the length of each packed spec, in their order
ARGV[5]  specs   msgpack the packed specs, one behind the other
Keys     call:<caller>, job:<id>, state:<id>, ready:<priority>, scheduled, counts, wake, wake:due
Returns  a string with one letter for each job: c created, x a job with this id exists; "stale" for a lower number
]]
--@use clock call wake due count record
local number = tonumber(ARGV[2])
local before = answered(ARGV[1], number)
if before then return before end

local jobs = cmsgpack.unpack(ARGV[3])
local codes = {}
local taken = {}
for i, job in ipairs(jobs) do
  local id = job[1]
  -- An id is taken as long as the record or the kept result of its job is here.
  local exists = taken[id] or redis.call('EXISTS', base .. 'job:' .. id, base .. 'state:' .. id) > 0
  taken[id] = true
  codes[i] = exists and 'x' or 'c'
end

local sizes, specs, first = cmsgpack.unpack(ARGV[4]), ARGV[5], 1
local ready = false
for i, job in ipairs(jobs) do
  if codes[i] == 'c' then
    local id, priority, delay, at, name = job[1], job[2], job[3], job[4], job[5]
    local rest = cmsgpack.pack(name, now) .. string.sub(specs, first, first + sizes[i] - 1)
    local due = delay and now + delay or at
    -- The record comes last: stopping before it leaves an entry or a due time without one, which fetch or promote drops.
    if due and due > now then
      schedule(id, due)
      redis.call('SET', base .. 'job:' .. id, head('scheduled:' .. priority, '-', 0) .. rest)
      count('scheduled', name, 1)
    else
      local stream = 'ready:' .. priority
      local entry = redis.call('XADD', base .. stream, '*', 'id', id)
      redis.call('SET', base .. 'job:' .. id, head(stream, entry, 0) .. rest)
      count('ready', name, 1)
      ready = true
    end
  end
  first = first + sizes[i]
end
write_counts()
local reply = table.concat(codes)
remember(ARGV[1], number, reply)
wake_scheduler()
if ready then wake() end
return reply
