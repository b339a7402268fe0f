#!lua flags=allow-oom
--[[
rules: change what a queue and its jobs are limited to. What an operator has set wins over what code declares; taking
it back makes the declaration count again. What runs already occupies a concurrency limit that is new.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  layer   string  `declared` or `set`
ARGV[2]  rules   msgpack list of {label, kind (limit, rate, depth), name of the jobs or nil, keyed, n or nil to take it
                 back, period in ms or nil}
ARGV[3]  names   msgpack list of the job names whose other declarations end; empty for `set`
Keys     rules, scopes, limit:<scope>, leases, running:<worker>, again:<priority>, ready:<priority>, job:<id>,
         state:<id>, noted, scheduled, wake, wake:due
Returns  msgpack map of all rules by label
]]
--@use clock wake due record pieces running noted
local layer = ARGV[1]
local packed = redis.call('GET', base .. 'rules')
local rules = packed and cmsgpack.unpack(packed) or {}
local changed, new = {}, {}

local function settle(rule)
  local counts = rule.set or rule.declared
  local n, per = counts and counts.n, counts and counts.per
  if n ~= rule.n or per ~= rule.per then changed[rule.label] = true end
  if n and not rule.n and rule.kind == 'limit' then new[#new + 1] = rule end
  rule.n, rule.per = n, per
  rules[rule.label] = counts and rule or nil
end

local declares = {}
for _, name in ipairs(cmsgpack.unpack(ARGV[3])) do declares[name] = true end
local given = {}
for _, row in ipairs(cmsgpack.unpack(ARGV[2])) do
  local label, kind, name, keyed, n, per = unpack(row, 1, 6)
  local rule = rules[label] or {label = label}
  if not rules[label] or layer == 'declared' then
    if rule.keyed ~= keyed then changed[label] = true end
    rule.kind, rule.name, rule.keyed = kind, name, keyed
  end
  rule[layer] = n and {n = n, per = per} or nil
  given[label] = true
  settle(rule)
end
for label, rule in pairs(rules) do
  if rule.name and declares[rule.name] and not given[label] then
    rule.declared = nil
    settle(rule)
  end
end

-- The scopes of new limits that a job is under.
local function under(job)
  local scopes = {}
  for _, rule in ipairs(new) do
    local key = rule.keyed and job.asks.keys and job.asks.keys[rule.label]
    if (not rule.name or rule.name == job.name) and (key or not rule.keyed) then
      scopes[#scopes + 1] = rule.label .. (key and '=' .. key or '')
    end
  end
  return scopes
end

-- Noted with the job first: what a stop leaves is no slot that nobody gives back.
local function occupy(each, scopes)
  local key = base .. 'state:' .. each.id
  local known = redis.call('HGET', key, 'held')
  local held = known and cmsgpack.unpack(known) or {}
  for _, scope in ipairs(scopes) do held[#held + 1] = scope end
  remark(each.id)
  redis.call('HSET', key, 'held', cmsgpack.pack(held), 'token', each.token)
  for _, scope in ipairs(scopes) do redis.call('SADD', base .. scope, each.token) end
end

for _, worker in ipairs(next(new) and redis.call('ZRANGE', base .. 'leases', 0, -1) or {}) do
  for _, each in ipairs(running_of(worker)) do
    local record = redis.call('GET', base .. 'job:' .. each.id)
    local job = record and parse(record)
    local going = job and belongs(each, job)
      and (redis.call('HGET', base .. 'state:' .. each.id, 'state') or 'ready') == 'ready'
    local scopes = going and under(job) or {}
    if scopes[1] then occupy(each, scopes) end
  end
end

-- Whoever waits behind a rule is looked at again by the next promotion. A rule of the queue keeps nobody aside. Before
-- the rules, since repeating this after a stop finds no change in them.
if next(changed) then
  for _, scope in ipairs(redis.call('SMEMBERS', base .. 'scopes')) do
    if changed[string.match(scope, '^[^=]*')] then schedule(' ' .. scope, now) end
  end
  wake_scheduler()
  wake()
end
if next(rules) then
  redis.call('SET', base .. 'rules', cmsgpack.pack(rules))
else
  redis.call('DEL', base .. 'rules')
end
return next(rules) and cmsgpack.pack(rules) or '\128'
