-- parking: jobs that a limit refused stand aside in `parked:<scope>`, by priority and arrival; `scopes` names each
-- scope that has some. While it does, something leads on: a delivery that occupies the scope, a job that was let in
-- and not read yet, or the scope's marker in `scheduled`, which is its name behind a space. Whoever takes one of these
-- away lets the next job in. A fetch with nothing left to do looks at one scope by chance, for what a stop left.
local MOST = 1000 -- jobs let in by one look at a scope

-- Priority, then arrival: that of its entry, to the place within the ms; for one that was put back in front, that of the
-- job. Times count from 2020, so that all of it is a whole number below 2^53.
local function turn(job)
  local ms, place = string.match(job.entry, '^(%d+)-(%d+)$')
  if string.sub(job.place, 1, 6) ~= 'ready:' then ms, place = job.enqueued, 0 end
  return tonumber(job.priority) * 2e15 + (ms - 1577836800000) * 1000 + math.min(tonumber(place), 999)
end

-- `at` is when a rate allows more.
local function park(id, job, scope, at)
  redis.call('SADD', base .. 'scopes', scope)
  if at then schedule(' ' .. scope, at) end
  redis.call('ZADD', base .. 'parked:' .. scope, turn(job), id)
  stand_aside(id, job, 'parked:')
  count('ready', job.name, -1)
end

local function nobody_waits(scope)
  if redis.call('EXISTS', base .. 'parked:' .. scope) == 1 then return false end
  redis.call('SREM', base .. 'scopes', scope)
  return true
end

local function unpark(scope, ids)
  redis.call('ZREM', base .. 'parked:' .. scope, unpack(ids))
  nobody_waits(scope)
end

-- Makes up to `most` jobs ready that wait for this scope.
local function let_in_from(scope, most)
  while most > 0 do
    local ids = redis.call('ZRANGE', base .. 'parked:' .. scope, 0, math.min(most, 100) - 1)
    if #ids == 0 then return end
    for _, id in ipairs(ids) do
      if let_in(id, 'parked:') then most = most - 1 end
    end
    unpark(scope, ids)
  end
end

-- Lets in what a scope allows now; says whether its marker stays, for what it allows later.
local function refill(scope)
  local rule = rule_of(scope)
  local free, at = MOST + 1, nil -- a rule that was removed lets in everybody, by and by
  if rule then free, at = room(scope, rule) end
  if free > MOST then free, at = MOST, now end
  let_in_from(scope, free)
  if rule and not rule.name then put_back = put_back + 1 end -- a rule of the queue keeps jobs in their streams
  if nobody_waits(scope) then return false end
  if at then schedule(' ' .. scope, at) end
  return at ~= nil
end

-- Lets one job in where somebody waits and nothing may lead on. It wakes nobody, since it may well be sent back to wait
-- for something else: the next fetch finds it.
local function look_again()
  local scope = redis.call('SRANDMEMBER', base .. 'scopes')
  if not scope then return end
  local rule, before = rule_of(scope), put_back
  local free, at = 1, now
  if rule then free, at = room(scope, rule) end
  if free > 0 then let_in_from(scope, 1) end
  put_back = before
  if nobody_waits(scope) or not at or redis.call('ZSCORE', base .. 'scheduled', ' ' .. scope) then return end
  schedule(' ' .. scope, at)
end

-- Gives back what a delivery occupied. Each slot lets in one, before it is free: a stop in between lets in one too many,
-- which a fetch sends back.
local function vacate(token, scopes)
  for _, scope in ipairs(scopes) do
    local key = base .. scope
    if redis.call('SISMEMBER', key, token) == 1 then
      local rule = rule_of(scope)
      if rule and not rule.name then
        put_back = put_back + 1
      elseif rule and redis.call('SCARD', key) <= rule.n then
        let_in_from(scope, 1)
      end
      redis.call('SREM', key, token)
    end
  end
end

-- Lets the next in where a job leaves that may have been let in and occupies nothing.
local function pass_on(name, asks)
  for _, each in ipairs(scopes_of(name, asks)) do
    if room(each[1], each[2]) > 0 then let_in_from(each[1], 1) end
  end
end
