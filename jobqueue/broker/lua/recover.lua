#!lua flags=allow-oom
--[[
recover: tell a worker everything that it owns, after a reply was lost or a connection was made anew.

What a fetch that stopped half way has left where it was is the worker's no more; what a reclaim that stopped has
called lost goes back. The new call number makes a delayed fetch harmless.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  worker  string  id of the worker
ARGV[2]  number  int     call number of the worker
ARGV[3]  lease   int     life of the worker's lease, ms
ARGV[4]  limit   int     most deliveries in the answer
Keys     call:<worker>, running:<worker>, again:<priority>, ready:<priority>, job:<id>, state:<id>, leases, counts, wake
Returns  like fetch; status ok, or stale for a number seen before
]]
--@use clock call wake count record pieces running uuid7 deliver requeue
local worker, number = ARGV[1], tonumber(ARGV[2])
if answered(number, last_of(worker)) then return reply('stale') end

local all = running_of(worker)
if #all > 0 then redis.call('ZADD', base .. 'leases', now + tonumber(ARGV[3]), worker) end
local gone = {}
for _, each in ipairs(all) do
  if delivered == tonumber(ARGV[4]) then break end
  local id = each.id
  local record = redis.call('GET', base .. 'job:' .. id)
  local job = record and parse(record)
  local live = redis.call('HMGET', base .. 'state:' .. id, 'state', 'lost')
  if not belongs(each, job) or (live[1] or 'ready') ~= 'ready' then
    gone[#gone + 1] = id
  elseif live[2] == each.token then
    requeue(id, job, PAST)
    gone[#gone + 1] = id
    count('running', job.name, -1)
    count('ready', job.name, 1)
  else
    -- What a first delivery does not store is told by its token: its fence is at most the end of that ms.
    local past = lives(id)
    local fence = tonumber(past[6] or minted_ms(each.token) * 1000 + 999)
    give_again(id, each.token, record, past, tonumber(past[3] or 1), fence)
  end
end
give_up(worker, gone)
write_counts()
remember(worker, number, '')
if put_back > 0 then wake() end
return reply('ok')
