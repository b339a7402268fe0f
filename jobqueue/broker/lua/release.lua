#!lua flags=allow-oom
--[[
release: hand unfinished jobs back, in front of their priority and at no cost. They keep their locks.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  caller  string  id of the worker's settling lane
ARGV[2]  number  int     call number of that lane; the same number gets the same answer
ARGV[3]  worker  string  id of the worker
ARGV[4]  jobs    msgpack list of {id, token}
ARGV[5]  sizes   msgpack list of the length of each journal record, 0 when the handler had not started
ARGV[6]  records msgpack the journal records, one behind the other
Keys     call:<caller>, running:<worker>, state:<id>, job:<id>, journal, journal:size, journal:rows, again:<priority>,
         ready:<priority>, counts, rules, limit:<scope>, rate:<scope>, parked:<scope>, scopes, wake
Returns  a string with one letter for each job: k handed back, l the lease was lost, c it was cancelled meanwhile and
         may not go on; "stale" for a lower number
]]
--@use clock call wake due count record pieces running requeue limits parking journal
local number = tonumber(ARGV[2])
local before = answered(number, last_of(ARGV[1]))
if before then return before end

local worker = ARGV[3]
local jobs, ids = cmsgpack.unpack(ARGV[4]), {}
local codes, parsed, held = {}, {}, {}
for i, delivery in ipairs(jobs) do
  local id, token = unpack(delivery, 1, 2)
  local line = redis.call('HGET', base .. 'running:' .. worker, id)
  codes[i] = 'l'
  if line and string.sub(line, 1, 36) == token then
    local record = redis.call('GET', base .. 'job:' .. id)
    local live = redis.call('HMGET', base .. 'state:' .. id, 'held', 'cancel', 'lost')
    parsed[i], held[i] = record and parse(record), live[1]
    -- Where it stands elsewhere already, this call stopped half way before.
    if live[3] ~= token and belongs(read_delivery(id, line), parsed[i]) then
      codes[i] = live[2] and 'c' or 'k'
    end
    if codes[i] == 'k' then ids[#ids + 1] = id end
  end
end

journal_kept(codes, cmsgpack.unpack(ARGV[5]), ARGV[6])
for i, delivery in ipairs(jobs) do
  if codes[i] == 'k' then
    local id, token = unpack(delivery, 1, 2)
    requeue(id, parsed[i], PAST, 'token', token)
    if held[i] then vacate(token, cmsgpack.unpack(held[i])) end
    count('running', parsed[i].name, -1)
    count('ready', parsed[i].name, 1)
  end
end
give_up(worker, ids)
write_counts()
local reply = table.concat(codes)
remember(ARGV[1], number, reply)
if put_back > 0 then wake() end
return reply
