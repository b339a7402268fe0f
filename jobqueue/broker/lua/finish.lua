#!lua flags=allow-oom
--[[
finish: settle attempts: write their journal records, and end the jobs or put them into the schedule again.

Each attempt is fenced by its delivery token; one that lost its job changes nothing. The order within the call is
journal, schedule, keys, state, and in the end the worker has the job no more: repeating it after a stop at any line is
harmless.

KEYS[1]  base      string  prefix of every key of the queue; names no key itself
ARGV[1]  caller    string  id of the worker's settling lane
ARGV[2]  number    int     call number of that lane; the same number gets the same answer
ARGV[3]  worker    string  id of the worker
ARGV[4]  attempts  msgpack columns, each with a value for each attempt: ids, tokens, names, new states, delays in ms
                   (-1 for none); then two maps from an attempt's number, for those that have some: fields to set as a
                   flat list, and the payload for waiting clients; and the numbers of those that were delivered before
                   or ask for something
ARGV[5]  sizes     msgpack list of the length of each journal record, 0 for an attempt that leaves no row
ARGV[6]  records   msgpack the journal records, one behind the other
Keys     call:<caller>, running:<worker>, job:<id>, state:<id>, noted, succeeded, journal, journal:size, journal:rows,
         scheduled, expiring, again:<priority>, ready:<priority>, inbox:<client>, counts, poison, rules, limit:<scope>,
         rate:<scope>, parked:<scope>, scopes, unique:<key>, idem:<key>, lock:<key>, waiting:<key>, wake, wake:due
Returns  a string with one letter for each attempt: k kept, l the lease was lost, c it was cancelled meanwhile and may
         not go on; "stale" for a lower number
]]
--@use clock call wake due count pieces answer journal record running
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

local worker = ARGV[3]
local columns = cmsgpack.unpack(ARGV[4])
local ids, tokens, names, states, delays, fields, payloads, known = unpack(columns, 1, 8)

-- Those that have a state hash; mostly none has, and one look says so.
local hash = {}
for _, i in ipairs(known) do hash[i] = true end
if redis.call('EXISTS', base .. 'noted') == 1 then
  for first, last in pieces(#ids) do
    for n, there in ipairs(redis.call('SMISMEMBER', base .. 'noted', unpack(ids, first, last))) do
      if there == 1 then hash[first + n - 1] = true end
    end
  end
end
local lines = {}
for first, last in pieces(#ids) do
  for _, line in ipairs(redis.call('HMGET', base .. 'running:' .. worker, unpack(ids, first, last))) do
    lines[#lines + 1] = line
  end
end

-- Whether a job that is to go on may: its record names the entry that it was taken from.
local function goes_on(i, id)
  local record = redis.call('GET', base .. 'job:' .. id)
  return record and belongs(read_delivery(id, lines[i]), parse(record))
end

local NONE, find = {}, string.find
local codes, waiters, held, over = {}, {}, {}, {}
for i, id in ipairs(ids) do
  codes[i] = 'l'
  if lines[i] and find(lines[i], tokens[i], 1, true) == 1 then
    local live = NONE
    if hash[i] then
      live = redis.call('HMGET', base .. 'state:' .. id, 'waiters', 'held', 'cancel', 'lost')
      waiters[i], held[i] = live[1], live[2]
    end
    if live[4] == tokens[i] then
      codes[i] = 'l'
    elseif delays[i] < 0 then
      codes[i] = 'k'
    elseif live[3] then
      codes[i] = 'c'
    elseif goes_on(i, id) then
      codes[i] = 'k'
    end
    if codes[i] == 'k' then over[#over + 1] = id end
  end
end

journal_kept(codes, cmsgpack.unpack(ARGV[5]), ARGV[6])
for i, id in ipairs(ids) do
  if codes[i] == 'k' then
    if delays[i] >= 0 then schedule(id, now + delays[i]) end
    count('running', names[i], -1)
    count(states[i], names[i], 1)
  end
end
local succeeded = {}
for i, id in ipairs(ids) do
  if codes[i] == 'k' then
    if held[i] then
      holding().vacate(tokens[i], cmsgpack.unpack(held[i]))
      local record = redis.call('GET', base .. 'job:' .. id)
      if record then holding().let_go(id, parse(record).asks, delays[i] < 0) end
    end
    local more = fields[i]
    if more or hash[i] or states[i] ~= 'succeeded' then
      redis.call('HSET', base .. 'state:' .. id, 'state', states[i], 'token', tokens[i], unpack(more or {}))
    else
      succeeded[#succeeded + 1], succeeded[#succeeded + 2] = id, tokens[i]
    end
    if waiters[i] and delays[i] < 0 then answer(id, waiters[i], states[i], payloads[i] or '') end
  end
end
for first, last in pieces(#succeeded) do redis.call('HSET', base .. 'succeeded', unpack(succeeded, first, last)) end
give_up(worker, over)
write_counts()
local reply = table.concat(codes)
remember(ARGV[1], number, reply)
wake_scheduler()
-- A worker whose job on its last life has ended may take another one.
if put_back > 0 or redis.call('EXISTS', base .. 'poison') == 1 then wake() end
return reply
