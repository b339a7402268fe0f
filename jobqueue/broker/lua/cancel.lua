#!lua flags=allow-oom
--[[
cancel: end a job that waits; tell the worker of one that runs. Repeating it changes nothing.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  id      string  job id
ARGV[2]  reason  string  why, for the row; may be empty
Keys     job:<id>, state:<id>, noted, ready:<priority>, again:<priority>, scheduled, expiring, poison, unique:<key>,
         idem:<key>, lock:<key>, waiting:<key>, leases, running:<worker>, succeeded, rules, limit:<scope>, rate:<scope>,
         parked:<scope>, scopes, journal, journal:size, journal:rows, inbox:<client>, counts, tell:<worker>, wake
Returns  the job's state before, as text; "" when there is no such job
]]
--@use clock wake due count record pieces running noted answer journal uuid7 requeue lock limits parking keys row
--@use find leave withdraw tell
local id, reason = ARGV[1], ARGV[2]
local state, live, worker = withdraw(id, 'cancelled', 'cancelled', reason)
if state == 'running' then tell_worker(id, worker, live.token, reason) end
write_counts()
if put_back > 0 then wake() end
return state or redis.call('HGET', base .. 'state:' .. id, 'state') or ''
