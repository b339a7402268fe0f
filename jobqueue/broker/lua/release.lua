#!lua flags=allow-oom
--[[
release: hand unfinished jobs back, in front of their priority and at no cost. They keep their locks.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  caller  string  id of the worker's settling lane
ARGV[2]  number  int     call number of that lane; the same number gets the same answer
ARGV[3]  jobs    msgpack list of {id, token, stream, entry}
ARGV[4]  sizes   msgpack list of the length of each journal record, 0 when the handler had not started
ARGV[5]  records msgpack the journal records, one behind the other
Keys     call:<caller>, state:<id>, job:<id>, journal, journal:size, journal:rows, again:<priority>, ready:<priority>, counts, rules,
         limit:<scope>, rate:<scope>, parked:<scope>, scopes, wake
Returns  a string with one letter for each job: k handed back, l the lease was lost, c it was cancelled meanwhile and
         may not go on; "stale" for a lower number
]]
--@use clock call wake due count record pieces ack requeue limits parking journal
local number = tonumber(ARGV[2])
local before = answered(number, last_of(ARGV[1]))
if before then return before end

local jobs = cmsgpack.unpack(ARGV[3])
local codes, records, held = {}, {}, {}
for i, job in ipairs(jobs) do
  local live = redis.call('HMGET', base .. 'state:' .. job[1], 'token', 'state', 'held', 'cancel')
  records[i] = redis.call('GET', base .. 'job:' .. job[1])
  codes[i] = records[i] and live[1] == job[2] and live[2] == 'running' and (live[4] and 'c' or 'k') or 'l'
  held[i] = live[3]
end

journal_kept(codes, cmsgpack.unpack(ARGV[4]), ARGV[5])
for i, delivery in ipairs(jobs) do
  if codes[i] == 'k' then
    local id, token, stream, entry = unpack(delivery, 1, 4)
    local job = parse(records[i])
    requeue(id, job, PAST)
    ack(stream, entry)
    if held[i] then vacate(token, cmsgpack.unpack(held[i])) end
    count('running', job.name, -1)
    count('ready', job.name, 1)
  end
end
write_acks()
write_counts()
local reply = table.concat(codes)
remember(ARGV[1], number, reply)
if put_back > 0 then wake() end
return reply
