-- count: gather changes of the counters by state and name, and write each once for the whole call.
local tally = {}

local function count(state, name, by)
  local field = state .. ':' .. name
  tally[field] = (tally[field] or 0) + by
end

local function write_counts()
  for field, by in pairs(tally) do
    if by ~= 0 then redis.call('HINCRBY', base .. 'counts', field, by) end
  end
end
