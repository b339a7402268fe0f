#!lua flags=allow-oom
--[[
look: what is known of a job, for people.

KEYS[1]  base  string  prefix of every key of the queue; names no key itself
ARGV[1]  id    string  job id
Keys     job:<id>, state:<id>, scheduled, succeeded, again:<priority>, ready:<priority>, leases, running:<worker>
Returns  msgpack {state, worker that runs it or nil, time in the schedule in ms or nil, run, attempts, deliveries,
         crashes, result, error, progress, token of its present or last delivery or nil, record as an array or nil},
         without a state when there is no such job
]]
--@use record pieces running find
local id = ARGV[1]
local job, live, state, worker = find(id)
if not job then
  live = live_of(id)
  state = live.state or ''
end
local due = redis.call('ZSCORE', base .. 'scheduled', id)
local said = redis.call('HMGET', base .. 'state:' .. id, 'result', 'error', 'progress')
local record = job and '\150' .. redis.call('GET', base .. 'job:' .. id) or '\192'
return '\156' .. cmsgpack.pack(state, worker, tonumber(due or nil), tonumber(live.run or 0),
  tonumber(live.attempts or 0), tonumber(live.deliveries or (live.token and 1 or 0)), tonumber(live.crashes or 0),
  said[1] or nil, said[2] or nil, said[3] or nil, live.token) .. record
