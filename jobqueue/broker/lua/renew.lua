#!lua flags=allow-oom
--[[
renew: lengthen a worker's lease, and count what the server thinks the worker owns.

An absent lease is never made again here: its jobs may belong to others already.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  worker  string  id of the worker
ARGV[2]  lease   int     life of the lease from now, ms
Keys     leases, running:<worker>
Returns  number of deliveries that the worker owns; -1 when the lease is gone
]]
--@use clock
local worker = ARGV[1]
if not redis.call('ZSCORE', base .. 'leases', worker) then return -1 end
redis.call('ZADD', base .. 'leases', now + tonumber(ARGV[2]), worker)
return redis.call('HLEN', base .. 'running:' .. worker)
