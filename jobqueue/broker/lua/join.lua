#!lua flags=allow-oom
--[[
join: put a service into the set of services, also when memory is out: who lives must be seen to live.

KEYS[1]  services  set     `role:id` of each service; readers drop those without presence
ARGV[1]  service   string  the `role:id` to put in
Keys     services
Returns  1 when it is new, else 0
]]
return redis.call('SADD', KEYS[1], ARGV[1])
