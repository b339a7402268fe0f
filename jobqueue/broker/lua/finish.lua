#!lua flags=allow-oom
--[[
finish: settle attempts: write their journal records, and end the jobs or put them into the schedule again.

Each attempt is fenced by its delivery token; one that lost its job changes nothing. The order within the call is
journal, schedule, acknowledgement, state: repeating it after a stop at any line is harmless.

KEYS[1]  base      string  prefix of every key of the queue; names no key itself
ARGV[1]  caller    string  id of the worker's settling lane
ARGV[2]  number    int     call number of that lane; the same number gets the same answer
ARGV[3]  attempts  msgpack list of {id, token, stream, entry, name, new state, delay ms or nil, fields to set as a
                   flat list, payload for waiting clients}
ARGV[4…] records   msgpack journal record of each attempt, in their order; empty for an attempt that leaves no row
Keys     call:<caller>, state:<id>, journal, scheduled, again:<priority>, ready:<priority>, inbox:<client>, counts,
         wake:due
Returns  a string with one letter for each attempt: k kept, l the lease was lost; "stale" for a lower number
]]
--@use clock call due count ack answer
local number = tonumber(ARGV[2])
local before = answered(ARGV[1], number)
if before then return before end

local attempts = cmsgpack.unpack(ARGV[3])
local codes, waiters = {}, {}
for i, attempt in ipairs(attempts) do
  local live = redis.call('HMGET', base .. 'state:' .. attempt[1], 'token', 'state', 'waiters')
  local held = live[1] == attempt[2] and live[2] == 'running'
  codes[i] = held and 'k' or 'l'
  waiters[i] = live[3]
end

for i, attempt in ipairs(attempts) do
  if codes[i] == 'k' then
    local id, _, stream, entry, name, state, delay = unpack(attempt, 1, 7)
    local record = ARGV[3 + i]
    if record ~= '' then redis.call('XADD', base .. 'journal', '*', 'r', record) end
    if delay then schedule(id, now + delay) end
    ack(stream, entry)
    count('running', name, -1)
    count(state, name, 1)
  end
end
write_acks()
for i, attempt in ipairs(attempts) do
  if codes[i] == 'k' then
    local id, state, delay, fields = attempt[1], attempt[6], attempt[7], attempt[8]
    local key = base .. 'state:' .. id
    redis.call('HSET', key, 'state', state, unpack(fields))
    if not delay and waiters[i] then answer(id, waiters[i], state, attempt[9]) end
  end
end
write_counts()
local reply = table.concat(codes)
remember(ARGV[1], number, reply)
wake_scheduler()
return reply
