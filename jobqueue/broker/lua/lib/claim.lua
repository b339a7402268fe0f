-- claim: take the keys of a new job: unique, idempotency, and its time.
-- Whether another job stands in the way of this one: the letter, that job, and its state when it is to be replaced.
local function conflict(asks)
  if asks.idem then
    local key = base .. 'idem:' .. asks.idem
    local print, other = string.match(redis.call('GET', key) or '', '^(%S+) (.*)$')
    -- A key whose job has no record was left by a script that stopped, unless it is remembered for a time.
    if other and (redis.call('EXISTS', base .. 'job:' .. other) == 1 or redis.call('PTTL', key) > 0) then
      return print == asks.print and 'd' or 'm', other
    end
  end
  local other = asks.unique and owner_of(asks.unique)
  if not other then return nil end
  if asks.conflict == 'replace' then
    local _, _, state = find(other)
    if WAITING[state] then return 'r', other, state end
  end
  return asks.conflict == 'return' and 'd' or 'u', other
end

local function claim(id, asks)
  if asks.idem then redis.call('SET', base .. 'idem:' .. asks.idem, asks.print .. ' ' .. id) end
  local ends = ends_at(asks, now)
  if ends then redis.call('ZADD', base .. 'expiring', ends, id) end
  if not asks.unique then return end
  if asks.ttl then
    redis.call('SET', base .. 'unique:' .. asks.unique, id, 'PX', asks.ttl)
  else
    redis.call('SET', base .. 'unique:' .. asks.unique, id)
  end
end
