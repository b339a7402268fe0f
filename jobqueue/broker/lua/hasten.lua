#!lua flags=allow-oom
--[[
hasten: make a job ready now that is scheduled for later, or waits for its next attempt. Limits, rates and locks hold for
it as for any other. Repeating it changes nothing.

KEYS[1]  base  string  prefix of every key of the queue; names no key itself
ARGV[1]  id    string  job id
Keys     job:<id>, state:<id>, scheduled, succeeded, leases, running:<worker>, ready:<priority>, again:<priority>,
         counts, lock:<key>, waiting:<key>, wake
Returns  the job's state before, as text; "" when there is no such job
]]
--@use clock wake count record pieces running requeue lock find write mature
local id = ARGV[1]
local job, live, state = find(id)
if not job then return redis.call('HGET', base .. 'state:' .. id, 'state') or '' end
if state ~= 'scheduled' and state ~= 'retrying' then return state end
-- Should this stop half way, the next promotion does the rest.
redis.call('ZADD', base .. 'scheduled', 'XX', now, id)
local ready = mature(id, job, live.state)
write_records()
redis.call('ZREM', base .. 'scheduled', id)
write_counts()
if ready then wake() end
return state
