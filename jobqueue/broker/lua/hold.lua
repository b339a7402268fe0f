#!lua flags=allow-oom
--[[
hold: remember that a queue is paused, or every queue, for the workers that start later.

KEYS[1]  paused  hash    notes by queue, `*` for every queue
ARGV[1]  queue   string  the queue, or `*`
ARGV[2]  note    string  JSON: by whom, since when and why
Keys     paused
Returns  1 when it was not paused before, else 0
]]
return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
