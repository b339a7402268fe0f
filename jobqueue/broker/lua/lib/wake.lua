-- wake: leave one token for one idle worker, unless one lies there already.
local put_back = 0 -- jobs that this call has made ready again

local function wake()
  local key = base .. 'wake'
  if redis.call('LLEN', key) == 0 then redis.call('LPUSH', key, 1) end
end
