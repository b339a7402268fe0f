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
Keys     leases, running:<worker>, again:<priority>, ready:<priority>, job:<id>, state:<id>, noted, succeeded, journal,
         journal:size, journal:rows, inbox:<client>, counts, expiring, rules, limit:<scope>, rate:<scope>,
         parked:<scope>, scopes, unique:<key>, idem:<key>, lock:<key>, waiting:<key>, wake
Returns  {jobs put back, jobs ended, 1 when more remain}; {-1, 0, 0} when the lease was renewed or is not over
]]
--@use clock wake due count record pieces running noted requeue lock limits parking keys answer uuid7 journal row find
local worker, budget = ARGV[1], tonumber(ARGV[4])
local expiry = tonumber(redis.call('ZSCORE', base .. 'leases', worker) or nil)
if not expiry or expiry ~= tonumber(ARGV[2]) or expiry > now then return {-1, 0, 0} end

local all, jobs = running_of(worker), {}
local most = math.min(#all, tonumber(ARGV[3]))
for i = 1, most do
  local each = all[i]
  local record = redis.call('GET', base .. 'job:' .. each.id)
  local job = record and parse(record)
  if belongs(each, job) then
    local live = live_of(each.id)
    -- Else its finish went as far as that, and stopped.
    if (live.state or 'ready') == 'ready' and redis.call('HGET', base .. 'succeeded', each.id) ~= each.token then
      -- One that is called lost has its row, and its crash is counted: this call stopped half way before.
      local known = live.lost == each.token
      local crashes = tonumber(live.crashes or 0) + (known and 0 or 1)
      jobs[#jobs + 1] = {id = each.id, delivery = each, job = job, live = live, known = known, crashes = crashes}
    end
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

local rows, back, dead = {}, {}, {}
for _, lost in ipairs(jobs) do
  local live, each = lost.live, lost.delivery
  lost.over = not lost.known and (live.cancel or lost.crashes >= budget)
  lost.state = live.cancel and 'cancelled' or 'dead'
  table.insert(lost.over and dead or back, lost)
  if not lost.known then
    lost.words = last_words(lost.id)
    rows[#rows + 1] = row(lost.id, lost.job, live, {token = each.token, attempt = tonumber(live.attempts or 0) + 1,
      delivery = tonumber(live.deliveries or 1), final = lost.over and true,
      outcome = live.cancel and 'cancelled' or 'lost', worker = worker, started = minted_ms(each.token) * 1000,
      reason = live.cancel and 'cancelled' or lost.over and 'worker_lost' or '',
      type = not live.cancel and 'jobqueue.WorkerLost' or nil,
      message = live.cancel or lost.words,
      crashes = lost.crashes})
  end
end
journal(rows)
-- From here on the worker can't settle what goes back.
for _, lost in ipairs(back) do
  if not lost.known then
    local token = lost.delivery.token
    remark(lost.id)
    redis.call('HSET', base .. 'state:' .. lost.id, 'crashes', lost.crashes, 'token', token, 'lost', token)
  end
end
for _, lost in ipairs(back) do
  requeue(lost.id, lost.job, PAST)
  count('running', lost.job.name, -1)
  count('ready', lost.job.name, 1)
  if lost.live.held then vacate(lost.delivery.token, cmsgpack.unpack(lost.live.held)) end
end
for _, lost in ipairs(dead) do
  local payload = cjson.encode({type = 'jobqueue.WorkerLost', traceback = '',
    message = 'its worker died ' .. lost.crashes .. ' times; the last: ' .. lost.words})
  count('running', lost.job.name, -1)
  count(lost.state, lost.job.name, 1)
  if lost.live.held then vacate(lost.delivery.token, cmsgpack.unpack(lost.live.held)) end
  let_go(lost.id, lost.job.asks, true)
  local key = base .. 'state:' .. lost.id
  if lost.state == 'dead' then
    redis.call('HSET', key, 'state', 'dead', 'token', lost.delivery.token, 'crashes', lost.crashes, 'error', payload,
      'attempts', tonumber(lost.live.attempts or 0) + 1)
  else
    payload = ''
    redis.call('HSET', key, 'state', lost.state, 'token', lost.delivery.token, 'crashes', lost.crashes)
  end
  answer(lost.id, lost.live.waiters, lost.state, payload)
end
local ids = {}
for i = 1, most do ids[i] = all[i].id end
give_up(worker, ids)
write_counts()
local rest = #all > most
if not rest then redis.call('ZREM', base .. 'leases', worker) end
if put_back > 0 then wake() end
return {#back, #dead, rest and 1 or 0}
