-- due: put jobs into the schedule, and wake a scheduler when one of them is the new earliest.
local earliest

local function schedule(id, at)
  redis.call('ZADD', base .. 'scheduled', at, id)
  if not earliest or at < earliest then earliest = at end
end

local function wake_scheduler()
  if not earliest then return end
  local first = redis.call('ZRANGE', base .. 'scheduled', 0, 0, 'WITHSCORES')
  local key = base .. 'wake:due'
  if first[2] and tonumber(first[2]) >= earliest and redis.call('LLEN', key) == 0 then
    redis.call('LPUSH', key, 1)
  end
end
