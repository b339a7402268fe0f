#!lua flags=allow-oom
--[[
pause: keep workers from taking jobs of a queue, or let them again.

A pause is a limit of none among the rules of the queue, which every fetch looks at: it holds for all workers with the
next fetch, and costs nothing where there is none. What runs goes on; what is enqueued waits.

KEYS[1]  base   string  prefix of every key of the queue; names no key itself
ARGV[1]  label  string  `pause:queue`, or `pause:all` for a pause of every queue
ARGV[2]  note   string  JSON: by whom, since when and why; empty to lift the pause
ARGV[3]  only   string  lift the pause with this very note alone; empty to lift any
Keys     rules, wake
Returns  1 when the queue was paused under this label before, else 0
]]
--@use wake
local label, note, only = unpack(ARGV, 1, 3)
local packed = redis.call('GET', base .. 'rules')
local rules = packed and cmsgpack.unpack(packed) or {}
local before = rules[label]
if note ~= '' then
  rules[label] = {label = label, kind = 'limit', keyed = false, n = 0, set = {n = 0}, note = note}
elseif before and (only == '' or before.note == only) then
  rules[label] = nil
end
if next(rules) then
  redis.call('SET', base .. 'rules', cmsgpack.pack(rules))
elseif packed then
  redis.call('DEL', base .. 'rules')
end
if before and note == '' then wake() end
return before and 1 or 0
