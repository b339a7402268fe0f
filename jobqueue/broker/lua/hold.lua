#!lua flags=allow-oom
--[[
hold: remember that a queue is paused, or every queue, for the workers that start later. One that is paused already keeps
its first note.

KEYS[1]  paused  hash    notes by queue, `*` for every queue
ARGV[1]  queue   string  the queue, or `*`
ARGV[2]  note    string  JSON: by whom, since when and why
Keys     paused
Returns  the note that stands now
]]
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
return redis.call('HGET', KEYS[1], ARGV[1])
