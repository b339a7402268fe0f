#!lua flags=allow-oom
--[[
reclaim: take back what a dead worker held. A crash is counted; one that uses up the budget makes a dead letter.

The caller has seen this very lease twice, unrenewed (PROTOCOL: "Reclaim looks twice"): any renewal since then has
changed its expiry and nothing is taken. A job that goes back keeps its lock; one that was to be cancelled ends.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  worker  string  id of the worker whose lease is over
ARGV[2]  expiry  int     expiry of that lease as it was seen, ms since epoch
ARGV[3]  limit   int     most deliveries in one call
ARGV[4]  budget  int     crashes that end a job
ARGV[5]  ending  string  how the worker ended, for people
ARGV[6]  memory  string  how much memory it used, for people; may be empty
Keys     leases, again:<priority>, ready:<priority>, job:<id>, state:<id>, journal, journal:size, journal:rows, inbox:<client>,
         counts, expiring, rules, limit:<scope>, rate:<scope>, parked:<scope>, scopes, unique:<key>, idem:<key>,
         lock:<key>, waiting:<key>, wake
Returns  {jobs put back, jobs ended, 1 when more remain}; {-1, 0, 0} when the lease was renewed or is not over
]]
--@use clock wake due count record pieces ack owned requeue lock limits parking keys answer uuid7 journal row
local worker, budget = ARGV[1], tonumber(ARGV[4])
local expiry = tonumber(redis.call('ZSCORE', base .. 'leases', worker) or nil)
if not expiry or expiry ~= tonumber(ARGV[2]) or expiry > now then return {-1, 0, 0} end

local all = owned(worker, tonumber(ARGV[3]))
local jobs = {}
for i, place in ipairs(all) do
  local id = job_id(place[1], place[2])
  local record = id and redis.call('GET', base .. 'job:' .. id)
  local job = record and parse(record)
  if job and job.place == place[1] and job.entry == place[2] then
    local live = live_of(id)
    jobs[i] = {id = id, job = job, live = live, crashes = tonumber(live.crashes or 0) + 1}
  end
end

-- How far a job said that it was; nothing where it said nothing that can be read.
local function progress_of(id)
  local read, said = pcall(cjson.decode, redis.call('HGET', base .. 'state:' .. id, 'progress') or '')
  if not read or type(said) ~= 'table' or type(said.fraction) ~= 'number' then return nil end
  local text = type(said.message) == 'string' and string.gsub(said.message, '%z', '') or '' -- PostgreSQL refuses NUL
  return string.format('progress %.0f%%', said.fraction * 100) .. (text ~= '' and ' ' .. text or '')
end

local function last_words(id)
  local notes = {}
  if ARGV[6] ~= '' then notes[1] = ARGV[6] end
  notes[#notes + 1] = progress_of(id)
  return ARGV[5] .. (notes[1] and ' (' .. table.concat(notes, ', ') .. ')' or '') .. ': worker ' .. worker
end

local rows = {}
for _, lost in pairs(jobs) do
  local live = lost.live
  -- Without a token the fetch stopped before the job was handed over: nobody ran it and no row is due.
  lost.running = live.state == 'running' and live.worker == worker
  lost.over = lost.running and (live.cancel or lost.crashes >= budget)
  lost.state = live.cancel and 'cancelled' or 'dead'
  if lost.running then
    lost.words = last_words(lost.id)
    rows[#rows + 1] = row(lost.id, lost.job, live, {token = live.token, attempt = tonumber(live.attempts or 0) + 1,
      delivery = tonumber(live.deliveries or 1), final = lost.over and true,
      outcome = live.cancel and 'cancelled' or 'lost', worker = worker, started = minted_ms(live.token) * 1000,
      reason = live.cancel and 'cancelled' or lost.over and 'worker_lost' or '',
      type = not live.cancel and 'jobqueue.WorkerLost' or nil,
      message = live.cancel or lost.words,
      crashes = lost.crashes})
  end
end
journal(rows)

local back, dead = 0, {}
for i, place in ipairs(all) do
  ack(place[1], place[2])
  local lost = jobs[i]
  if lost then
    local id, job, live, running, over = lost.id, lost.job, lost.live, lost.running, lost.over
    if running then count('running', job.name, -1) end
    if over then
      dead[#dead + 1] = lost
      count(lost.state, job.name, 1)
    elseif running then
      requeue(id, job, PAST, 'crashes', lost.crashes)
      count('ready', job.name, 1)
    else
      requeue(id, job, live.state and PAST or job.past)
    end
    if not over then
      back = back + 1
      if running and live.held then vacate(live.token, cmsgpack.unpack(live.held)) end
    end
  end
end
write_acks()
-- Only now: a dead job whose entry is still owned would be put back when this call is repeated.
for _, lost in ipairs(dead) do
  local payload = cjson.encode({type = 'jobqueue.WorkerLost', traceback = '',
    message = 'its worker died ' .. lost.crashes .. ' times; the last: ' .. lost.words})
  if lost.live.held then vacate(lost.live.token, cmsgpack.unpack(lost.live.held)) end
  let_go(lost.id, lost.job.asks, true)
  if lost.state == 'dead' then
    redis.call('HSET', base .. 'state:' .. lost.id, 'state', 'dead', 'crashes', lost.crashes, 'error', payload)
  else
    payload = ''
    redis.call('HSET', base .. 'state:' .. lost.id, 'state', lost.state, 'crashes', lost.crashes)
  end
  answer(lost.id, lost.live.waiters, lost.state, payload)
end
write_counts()
local rest = #all == tonumber(ARGV[3])
if not rest then
  for _, stream in ipairs(STREAMS) do redis.pcall('XGROUP', 'DELCONSUMER', base .. stream, 'workers', worker) end
  redis.call('ZREM', base .. 'leases', worker)
end
if put_back > 0 then wake() end
return {back, #dead, rest and 1 or 0}
