#!lua flags=allow-oom
--[[
beat: write what a service says of itself, also when memory is out: who lives must be seen to live.

KEYS[1]  presence  string  of this service; it expires when the beats stop
ARGV[1]  text      string  JSON: role, id, host, pid, and what else the service says
ARGV[2]  life      int     time after which silence means that it is gone, ms
Keys     service:<role>:<id>
Returns  OK
]]
return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
