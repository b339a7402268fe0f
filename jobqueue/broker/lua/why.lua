#!lua flags=allow-oom
--[[
why: what a job that has not ended waits for, or who runs it, for people. It changes nothing.

KEYS[1]  base  string  prefix of every key of the queue; names no key itself
ARGV[1]  id    string  job id
Keys     job:<id>, state:<id>, scheduled, succeeded, again:<priority>, ready:<priority>, leases,
         running:<worker>, journal:size, journal:rows, lock:<key>, waiting:<key>, rules, limit:<scope>,
         rate:<scope>, parked:<scope>
Returns  msgpack map with the fields of `Standing` in domain/standing.py; without a state when there is no such job, or
         nothing but its result
]]
--@use clock pieces record running find limits
local id = ARGV[1]
local job, live, state, worker = find(id)
if not job then return cmsgpack.pack({now_ms = now, state = ''}) end

-- How many starts a rate counts now: those that are older stand at the end until somebody needs the room.
local function counted(key, rule)
  local length, old = redis.call('LLEN', key), 0
  while old < length and tonumber(redis.call('LINDEX', key, -1 - old)) < now - rule.per do old = old + 1 end
  return length - old, old
end

-- When a rate lets a job start that has `ahead` others before it; nothing when it may at once.
local function frees(key, rule, ahead)
  local used, old = counted(key, rule)
  local behind = ahead - (rule.n - used)
  if behind < 0 then return used, nil end
  -- Whoever starts first makes room for the next a period later.
  local periods, nth = math.floor(behind / rule.n), behind % rule.n
  local start = nth < used and tonumber(redis.call('LINDEX', key, -1 - old - nth)) or now
  return used, start + rule.per * (1 + periods) + 1
end

local function bound(scope, rule)
  local key, parked = base .. scope, base .. 'parked:' .. scope
  local rank = tonumber(redis.call('ZRANK', parked, id) or nil)
  local found = {scope = scope, kind = rule.kind, n = rule.n, per_ms = rule.per, note = rule.note,
    ahead = rank}
  if rule.kind == 'limit' then
    found.used = redis.call('SCARD', key)
  else
    found.used, found.frees_ms = frees(key, rule, rank or 0)
  end
  return found
end

local bounds = {}
for _, each in ipairs(scopes_of(job.name, job.asks)) do bounds[#bounds + 1] = bound(each[1], each[2]) end
for label, rule in pairs(rules) do
  if not rule.name and rule.kind ~= 'depth' then bounds[#bounds + 1] = bound(label, rule) end
end

local lock
if job.asks.lock then
  local owner = redis.call('GET', base .. 'lock:' .. job.asks.lock)
  lock = {key = job.asks.lock, ahead = tonumber(redis.call('LPOS', base .. 'waiting:' .. job.asks.lock, id) or nil)}
  if owner and owner ~= id then
    local _, holding, its_state, its_worker = find(owner)
    lock.owner, lock.state, lock.worker = owner, its_state, its_worker
    lock.token = its_worker and holding.token
  end
end

local unknown = redis.call('HGET', base .. 'state:' .. id, 'unknown')
return cmsgpack.pack({now_ms = now, state = state, name = job.name, place = job.place, entry = job.entry,
  due_ms = tonumber(redis.call('ZSCORE', base .. 'scheduled', id) or nil),
  expires_ms = not live.token and expiry(job.asks, job.enqueued) or nil,
  deadline_ms = deadline(job.asks, job.enqueued, live.run), attempts = tonumber(live.attempts or 0),
  crashes = tonumber(live.crashes or 0), unknown = tonumber(unknown or 0), cancel = live.cancel, worker = worker,
  token = worker and live.token, lease_ms = worker and tonumber(redis.call('ZSCORE', base .. 'leases', worker) or nil),
  journal_bytes = tonumber(redis.call('GET', base .. 'journal:size') or 0),
  journal_rows = tonumber(redis.call('GET', base .. 'journal:rows') or 0),
  lock = lock, bounds = bounds})
