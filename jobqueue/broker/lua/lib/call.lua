-- call: the caller's last call number and its answer, kept an hour, so that a repeated call changes nothing.
local STALE = 'stale'

local function last_of(caller) return redis.call('GET', base .. 'call:' .. caller) end

-- `last` is what the caller's key holds, for scripts that read it together with others.
local function answered(number, last)
  if not last then return nil end
  local space = string.find(last, ' ', 1, true)
  local seen = tonumber(string.sub(last, 1, space - 1))
  if number == seen then return string.sub(last, space + 1) end
  return number < seen and STALE or nil
end

local function remember(caller, number, answer)
  redis.call('SET', base .. 'call:' .. caller, string.format('%d ', number) .. answer, 'PX', 3600000)
end
