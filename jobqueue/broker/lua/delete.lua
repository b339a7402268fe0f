#!lua flags=allow-oom
--[[
delete: end a job that waits, or forget what is kept of one that has ended. Repeating it changes nothing.

A job that waits leaves a row without a run. Of one that has ended nothing is kept; where the recorder does not have its
row yet, that is so as soon as it does: until then who waits for the result is told it. One that runs is left alone.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  id      string  job id
ARGV[2]  reason  string  why, for the row; may be empty
Keys     job:<id>, state:<id>, noted, ready:<priority>, again:<priority>, scheduled, expiring, poison, unique:<key>,
         idem:<key>, lock:<key>, waiting:<key>, leases, running:<worker>, succeeded, rules, limit:<scope>, rate:<scope>,
         parked:<scope>, scopes, journal, journal:size, journal:rows, inbox:<client>, counts, wake
Returns  the job's state before, as text; "" when there is no such job
]]
--@use clock wake due count record pieces running noted answer journal uuid7 requeue lock limits parking keys row
--@use find leave withdraw
local id = ARGV[1]
local key = base .. 'state:' .. id
local state = withdraw(id, 'cancelled', 'deleted', ARGV[2]) or redis.call('HGET', key, 'state') or ''
if state ~= '' and state ~= 'running' and not WAITING[state] then
  if redis.call('EXISTS', base .. 'job:' .. id) == 0 then
    redis.call('DEL', key)
  elseif redis.call('EXISTS', key) == 1 then
    redis.call('HSET', key, 'deleted', 1)
  end
end
write_counts()
if put_back > 0 then wake() end
return state
