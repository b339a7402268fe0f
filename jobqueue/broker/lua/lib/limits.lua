-- limits: what `rules` allows of a queue, a name or a key at once (`limit`) or within a time (`rate`). A scope is
-- the label of a rule, with `=key` behind it for the rules that count each key apart. `limit:…` is a set of delivery
-- tokens, so that nothing is freed twice; `rate:…` is a list of the starts within the last period, newest first.
local rules

-- Rules by label: kind, name of the jobs (none for the queue), keyed, n, per ms.
local function read_rules(packed)
  rules = packed and cmsgpack.unpack(packed) or {}
end

local function rule_of(scope)
  if not rules then read_rules(redis.call('GET', base .. 'rules')) end
  return rules[string.match(scope, '^[^=]*')]
end

-- How many more jobs a scope allows now; for a rate that allows none, when it will.
local function room(scope, rule)
  local key = base .. scope
  if rule.kind == 'limit' then return rule.n - redis.call('SCARD', key) end
  local oldest = tonumber(redis.call('LINDEX', key, -1) or nil)
  while oldest and oldest <= now - rule.per do
    redis.call('RPOP', key)
    oldest = tonumber(redis.call('LINDEX', key, -1) or nil)
  end
  return rule.n - redis.call('LLEN', key), (oldest or now) + rule.per
end

local function occupy(scope, rule, token)
  if rule.kind == 'limit' then return redis.call('SADD', base .. scope, token) end
  redis.call('LPUSH', base .. scope, string.format('%d', now))
  redis.call('PEXPIRE', base .. scope, rule.per)
end

-- Makes up to `most` jobs ready that wait for this scope, by priority and arrival.
local function let_in_from(scope, most)
  local parked = base .. 'parked:' .. scope
  while most > 0 do
    local ids = redis.call('ZRANGE', parked, 0, math.min(most, 100) - 1)
    if #ids == 0 then return end
    for _, id in ipairs(ids) do
      if let_in(id, 'parked:') then most = most - 1 end
    end
    redis.call('ZREM', parked, unpack(ids))
  end
end

-- Gives back what a delivery occupied.
local function vacate(token, scopes)
  for _, scope in ipairs(scopes) do
    if redis.call('SREM', base .. scope, token) == 1 then
      local rule = rule_of(scope)
      if rule and not rule.name then
        put_back = put_back + 1
      else
        let_in_from(scope, rule and rule.n - redis.call('SCARD', base .. scope) or 1000)
      end
    end
  end
end
