#!lua flags=allow-oom
--[[
finish: settle attempts: write their journal records, and end the jobs or put them into the schedule again.

Each attempt is fenced by its delivery token; one that lost its job changes nothing. The order within the call is
journal, schedule, acknowledgement, keys, state: repeating it after a stop at any line is harmless.

KEYS[1]  base      string  prefix of every key of the queue; names no key itself
ARGV[1]  caller    string  id of the worker's settling lane
ARGV[2]  number    int     call number of that lane; the same number gets the same answer
ARGV[3]  attempts  msgpack columns, each with a value for each attempt: ids, tokens, streams, entries, names, new
                   states, delays in ms (-1 for none); then two maps from an attempt's number, as text, for those
                   that have some: fields to set as a flat list, and the payload for waiting clients
ARGV[4]  sizes     msgpack list of the length of each journal record, 0 for an attempt that leaves no row
ARGV[5]  records   msgpack the journal records, one behind the other
Keys     call:<caller>, job:<id>, state:<id>, journal, journal:size, journal:rows, scheduled, expiring, again:<priority>,
         ready:<priority>, inbox:<client>, counts, poison, rules, limit:<scope>, rate:<scope>, parked:<scope>, scopes,
         unique:<key>, idem:<key>, lock:<key>, waiting:<key>, wake, wake:due
Returns  a string with one letter for each attempt: k kept, l the lease was lost, c it was cancelled meanwhile and may
         not go on; "stale" for a lower number
]]
--@use clock call wake due count pieces ack answer journal record
local number = tonumber(ARGV[2])
local before = answered(number, last_of(ARGV[1]))
if before then return before end

-- Defined only for a job that holds something: it takes as long as settling some that do not.
local late
local function holding()
  if late then return late end
--@use requeue lock limits parking keys
  late = {vacate = vacate, let_go = let_go}
  return late
end

local columns = cmsgpack.unpack(ARGV[3])
local ids, tokens, streams, entries, names, states, delays = unpack(columns, 1, 7)
local fields, payloads = columns[8], columns[9]
local codes, waiters, held = {}, {}, {}
for i, id in ipairs(ids) do
  local live = redis.call('HMGET', base .. 'state:' .. id, 'token', 'state', 'waiters', 'held', 'cancel')
  codes[i] = live[1] == tokens[i] and live[2] == 'running' and 'k' or 'l'
  if codes[i] == 'k' and live[5] and delays[i] >= 0 then codes[i] = 'c' end
  waiters[i], held[i] = live[3], live[4]
end

journal_kept(codes, cmsgpack.unpack(ARGV[4]), ARGV[5])
for i, id in ipairs(ids) do
  if codes[i] == 'k' then
    if delays[i] >= 0 then schedule(id, now + delays[i]) end
    ack(streams[i], entries[i])
    count('running', names[i], -1)
    count(states[i], names[i], 1)
  end
end
write_acks()
for i, id in ipairs(ids) do
  if codes[i] == 'k' then
    if held[i] then
      holding().vacate(tokens[i], cmsgpack.unpack(held[i]))
      local record = redis.call('GET', base .. 'job:' .. id)
      if record then holding().let_go(id, parse(record).asks, delays[i] < 0) end
    end
    local more = fields[tostring(i)]
    redis.call('HSET', base .. 'state:' .. id, 'state', states[i], unpack(more or {}))
    if waiters[i] and delays[i] < 0 then answer(id, waiters[i], states[i], payloads[tostring(i)] or '') end
  end
end
write_counts()
local reply = table.concat(codes)
remember(ARGV[1], number, reply)
wake_scheduler()
-- A worker whose job on its last life has ended may take another one.
if put_back > 0 or redis.call('EXISTS', base .. 'poison') == 1 then wake() end
return reply
