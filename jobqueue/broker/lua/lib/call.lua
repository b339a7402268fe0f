-- call: the caller's last call number and its answer, kept an hour, so that a repeated call changes nothing.
local STALE = 'stale'

local function answered(caller, number)
  local last = redis.call('HMGET', base .. 'call:' .. caller, 'n', 'answer')
  local seen = tonumber(last[1] or 0)
  if number == seen then return last[2] or STALE end
  return number < seen and STALE or nil
end

local function remember(caller, number, answer)
  local key = base .. 'call:' .. caller
  redis.call('HSET', key, 'n', number, 'answer', answer)
  redis.call('PEXPIRE', key, 3600000)
end
