#!lua flags=allow-oom
--[[
reclaim: take back what a dead worker held. A crash is counted; one that uses up the budget makes a dead letter.

The caller has seen this very lease twice, unrenewed (PROTOCOL: "Reclaim looks twice"): any renewal since then has
changed its expiry and nothing is taken.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  worker  string  id of the worker whose lease is over
ARGV[2]  expiry  int     expiry of that lease as it was seen, ms since epoch
ARGV[3]  limit   int     most deliveries in one call
ARGV[4]  budget  int     crashes that end a job
ARGV[5]  queue   string  name of the queue, for the rows
Keys     leases, again:<priority>, ready:<priority>, job:<id>, state:<id>, journal, journal:size, inbox:<client>,
         counts, wake
Returns  {jobs put back, jobs ended, 1 when more remain}; {-1, 0, 0} when the lease was renewed or is not over
]]
--@use clock wake count record ack owned requeue answer uuid7 journal
local worker, budget = ARGV[1], tonumber(ARGV[4])
local expiry = tonumber(redis.call('ZSCORE', base .. 'leases', worker) or '')
if not expiry or expiry ~= tonumber(ARGV[2]) or expiry > now then return {-1, 0, 0} end

local held = owned(worker, tonumber(ARGV[3]))
local jobs = {}
for i, place in ipairs(held) do
  local id = job_id(place[1], place[2])
  local record = id and redis.call('GET', base .. 'job:' .. id)
  local job = record and parse(record)
  if job and job.place == place[1] and job.entry == place[2] then
    local live = redis.call('HMGET', base .. 'state:' .. id, 'token', 'run', 'attempts', 'deliveries', 'crashes',
      'state', 'waiters', 'worker')
    jobs[i] = {id = id, job = job, live = live, crashes = tonumber(live[5] or 0) + 1}
  end
end

local back, dead = 0, {}
for i, place in ipairs(held) do
  ack(place[1], place[2])
  local lost = jobs[i]
  if lost then
    local id, job, live = lost.id, lost.job, lost.live
    local running = live[6] == 'running' and live[8] == worker
    local over = running and lost.crashes >= budget
    -- Without a token the fetch stopped before the job was handed over: nobody ran it and no row is due.
    if running then
      local ready = string.match(place[2], '^(%d+)')
      local after, _, enqueued = cmsgpack.unpack_limit(job.rest, 2, 0)
      local started = minted_ms(live[1]) * 1000
      local reason = over and 'worker_lost' or ''
      journal('\220\0\025' .. cmsgpack.pack(1, live[1], id,
        tonumber(live[2] or 0), tonumber(live[3] or 0) + 1, tonumber(live[4] or 1), over, 'lost', ARGV[5], job.name,
        tonumber(string.sub(job.place, -1)), worker, '', enqueued, tonumber(ready), started, now_us)
        .. string.sub(job.rest, after + 1)
        .. cmsgpack.pack(reason) .. '\192' .. cmsgpack.pack('WorkerLost',
        'worker ' .. worker .. ' died or lost its lease while it ran this job') .. '\192\192'
        .. cmsgpack.pack(lost.crashes))
      count('running', job.name, -1)
    end
    if over then
      dead[#dead + 1] = lost
      count('dead', job.name, 1)
    elseif running then
      requeue(id, job, 'crashes', lost.crashes)
      count('ready', job.name, 1)
    else
      requeue(id, job)
    end
    if not over then back = back + 1 end
  end
end
write_acks()
-- Only now: a dead job whose entry is still owned would be put back when this call is repeated.
for _, lost in ipairs(dead) do
  local payload = cjson.encode({type = 'WorkerLost', traceback = '',
    message = 'its worker died ' .. lost.crashes .. ' times'})
  redis.call('HSET', base .. 'state:' .. lost.id, 'state', 'dead', 'crashes', lost.crashes, 'error', payload)
  answer(lost.id, lost.live[7], 'dead', payload)
end
write_counts()
write_size()
local rest = #held == tonumber(ARGV[3])
if not rest then
  redis.call('ZREM', base .. 'leases', worker)
  for _, stream in ipairs(STREAMS) do redis.pcall('XGROUP', 'DELCONSUMER', base .. stream, 'workers', worker) end
end
if back > 0 then wake() end
return {back, #dead, rest and 1 or 0}
