#!lua flags=allow-oom
--[[
release: hand unfinished jobs back, in front of their priority and at no cost.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  caller  string  id of the worker's settling lane
ARGV[2]  number  int     call number of that lane; the same number gets the same answer
ARGV[3]  jobs    msgpack list of {id, token, stream, entry}
ARGV[4…] records msgpack journal record of each job, in their order; empty when the handler had not started
Keys     call:<caller>, state:<id>, job:<id>, journal, journal:size, again:<priority>, ready:<priority>, counts, wake
Returns  a string with one letter for each job: k handed back, l the lease was lost; "stale" for a lower number
]]
--@use call wake count record ack requeue journal
local number = tonumber(ARGV[2])
local before = answered(ARGV[1], number)
if before then return before end

local jobs = cmsgpack.unpack(ARGV[3])
local codes, records = {}, {}
for i, job in ipairs(jobs) do
  local live = redis.call('HMGET', base .. 'state:' .. job[1], 'token', 'state')
  records[i] = redis.call('GET', base .. 'job:' .. job[1])
  codes[i] = records[i] and live[1] == job[2] and live[2] == 'running' and 'k' or 'l'
end

local released = false
for i, held in ipairs(jobs) do
  if codes[i] == 'k' then
    local id, _, stream, entry = unpack(held, 1, 4)
    local job = parse(records[i])
    if ARGV[3 + i] ~= '' then journal(ARGV[3 + i]) end
    requeue(id, job)
    ack(stream, entry)
    count('running', job.name, -1)
    count('ready', job.name, 1)
    released = true
  end
end
write_acks()
write_counts()
write_size()
local reply = table.concat(codes)
remember(ARGV[1], number, reply)
if released then wake() end
return reply
