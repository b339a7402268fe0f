#!lua flags=allow-oom
--[[
recover: tell a worker everything that it owns, after a reply was lost or a connection was made anew.

A delivery whose fetch stopped half way gets its token here, or goes back where limits and keys concern it. The new
call number makes a delayed fetch harmless.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  worker  string  id of the worker
ARGV[2]  number  int     call number of the worker
ARGV[3]  lease   int     life of the worker's lease, ms
ARGV[4]  limit   int     most deliveries in the answer
ARGV[5]  seed    string  random bits for ids, `xxxx-xxxxxxxxxxxx`
Keys     call:<worker>, again:<priority>, ready:<priority>, job:<id>, state:<id>, leases, counts, rules, wake
Returns  like fetch; status ok, or stale for a number seen before
]]
--@use clock call wake count record pieces ack uuid7 deliver requeue owned
local worker, number = ARGV[1], tonumber(ARGV[2])
if answered(number, last_of(worker)) then return reply('stale', {}) end

local deliveries, all = {}, owned(worker, tonumber(ARGV[4]))
if #all > 0 then redis.call('ZADD', base .. 'leases', now + tonumber(ARGV[3]), worker) end
for _, held in ipairs(all) do
  local stream, entry = held[1], held[2]
  local id = job_id(stream, entry)
  local record = id and redis.call('GET', base .. 'job:' .. id)
  local job = record and parse(record)
  if not job or job.place ~= stream or job.entry ~= entry then
    ack(stream, entry)
  else
    local live = redis.call('HMGET', base .. 'state:' .. id, 'state', 'token', 'worker')
    local past = live[1] and lives(id) or nil
    if live[1] == 'running' and live[3] == worker then
      local delivery, fence = tonumber(past[3] or 1), tonumber(past[6] or now_us)
      -- A first delivery has not stored these; from here on they must not change.
      redis.call('HSET', base .. 'state:' .. id, 'deliveries', delivery, 'fence', string.format('%d', fence))
      deliveries[#deliveries + 1] = pack_delivery(id, live[2], record, past, delivery, fence)
    elseif job.asked == ASKS or redis.call('EXISTS', base .. 'rules') == 1 then
      requeue(id, job, live[1] and PAST or job.past)
      ack(stream, entry)
    else
      deliveries[#deliveries + 1] = deliver(id, record, past, worker, ARGV[5])
      count('ready', job.name, -1)
      count('running', job.name, 1)
    end
  end
end
write_acks()
write_counts()
remember(worker, number, '')
if put_back > 0 then wake() end
return reply('ok', deliveries)
