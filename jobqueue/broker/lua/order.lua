#!lua flags=allow-oom
--[[
order: tell a worker something. It hears of it where it hears of cancellations; one that does not listen forgets it.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  worker  string  id of the worker
ARGV[2]  text    string  JSON: what to do, by whom, since when and why
Keys     tell:<worker>
Returns  OK
]]
local tell = base .. 'tell:' .. ARGV[1]
redis.call('RPUSH', tell, ARGV[2])
redis.call('PEXPIRE', tell, 60000)
return 'OK'
