#!lua flags=allow-oom
--[[
watch: answer what a job came to, or leave the address of an inbox that finish will fill.

KEYS[1]  base   string  prefix of every key of the queue; names no key itself
ARGV[1]  id     string  job id
ARGV[2]  inbox  string  name of the client's inbox
Keys     job:<id>, state:<id>, noted, succeeded
Returns  msgpack {id, state, payload}: a terminal state with the result or error as JSON; "waiting"; "gone"
]]
--@use noted
local id, inbox = ARGV[1], ARGV[2]
local key = base .. 'state:' .. id
local live = redis.call('HMGET', key, 'state', 'result', 'error', 'waiters')
local known = redis.call('EXISTS', base .. 'job:' .. id) == 1

local state = live[1]
if state == 'succeeded' or state == 'dead' or state == 'cancelled' or state == 'expired' then
  return '\147' .. cmsgpack.pack(id, state, live[2] or live[3] or '')
end
if redis.call('HEXISTS', base .. 'succeeded', id) == 1 then return '\147' .. cmsgpack.pack(id, 'succeeded', '') end
if not known then return '\147' .. cmsgpack.pack(id, 'gone', '') end
local waiters = live[4] or ''
-- Most of so many have gone; a client that still waits asks again, at the latest in ten seconds.
if #waiters > 16384 then waiters = '' end
if not string.find(' ' .. waiters .. ' ', ' ' .. inbox .. ' ', 1, true) then
  remark(id)
  redis.call('HSET', key, 'waiters', waiters .. ' ' .. inbox)
end
return '\147' .. cmsgpack.pack(id, 'waiting', '')
