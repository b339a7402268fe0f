#!lua flags=allow-oom
--[[
leases: tell who takes jobs here, and until when.

It changes nothing, and is refused all the same where a renewal would be, by a replica for one: what nobody could have
renewed says nothing of its worker.

KEYS[1]  base  string  prefix of every key of the queue; names no key itself
Keys     leases
Returns  {now in ms since epoch, then for each lease: worker, expiry in ms since epoch}
]]
--@use clock
local found = redis.call('ZRANGE', base .. 'leases', 0, -1, 'WITHSCORES')
table.insert(found, 1, now)
return found
