-- limits: what `rules` allows of a queue, a name or a key at once (`limit`) or within a time (`rate`). A scope is
-- the label of a rule, with `=key` behind it for the rules that count each key apart. `limit:…` is a set of delivery
-- tokens, so that nothing is freed twice; `rate:…` is a list of the starts within the last period, newest first.
local rules, name_rules

-- Rules by label: kind, name of the jobs (none for the queue), keyed, n, per ms.
local function read_rules(packed)
  rules, name_rules = packed and cmsgpack.unpack(packed) or {}, {}
  for _, rule in pairs(rules) do
    if rule.name and rule.kind ~= 'depth' then
      name_rules[rule.name] = name_rules[rule.name] or {}
      table.insert(name_rules[rule.name], rule)
    end
  end
end

local function need_rules()
  if not rules then read_rules(redis.call('GET', base .. 'rules')) end
end

local function rule_of(scope)
  need_rules()
  return rules[string.match(scope, '^[^=]*')]
end

-- The rules of its name and keys that a job is under, as {scope, rule}.
local function scopes_of(name, asks)
  need_rules()
  local under = {}
  for _, rule in ipairs(name_rules[name] or {}) do
    local key = rule.keyed and asks.keys and asks.keys[rule.label]
    if key or not rule.keyed then under[#under + 1] = {rule.label .. (key and '=' .. key or ''), rule} end
  end
  return under
end

-- How many more jobs a scope allows now; for a rate, also when it will allow more. A start counts for a ms more than
-- the period, since it lies somewhere within its ms.
local function room(scope, rule)
  local key = base .. scope
  if rule.kind == 'limit' then return rule.n - redis.call('SCARD', key) end
  local oldest = tonumber(redis.call('LINDEX', key, -1) or nil)
  while oldest and oldest < now - rule.per do
    redis.call('RPOP', key)
    oldest = tonumber(redis.call('LINDEX', key, -1) or nil)
  end
  return rule.n - redis.call('LLEN', key), (oldest or now) + rule.per + 1
end

local function note_start(scope, rule)
  redis.call('LPUSH', base .. scope, string.format('%d', now))
  redis.call('PEXPIRE', base .. scope, rule.per + 1000)
end
