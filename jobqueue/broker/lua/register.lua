#!lua flags=allow-oom
--[[
register: make a queue known, and say into how many partitions it is split. Who says so first decides.

Also when memory is out: a worker that starts then has to know where its jobs are.

KEYS[1]  queues  set     names of queues and of partitions, `<queue>#<number>`
ARGV[1]  queue   string  name of the queue
ARGV[2]  n       int     partitions that it is to have when nobody has split it; 0 for none
Keys     queues
Returns  int     partitions that it has; 0 when it is whole
]]
local queue, n = ARGV[1], tonumber(ARGV[2])
local found = 0
while redis.call('SISMEMBER', KEYS[1], queue .. '#' .. found) == 1 do found = found + 1 end
if found > 0 then return found end
local names = {n == 0 and queue or nil}
for i = 1, n do names[i] = queue .. '#' .. i - 1 end
redis.call('SADD', KEYS[1], unpack(names))
return n
