-- count: gather changes of the counters by state and name, and write each once for many jobs.
local tally = {}

local function count(state, name, by)
  local names = tally[state]
  if not names then
    names = {}
    tally[state] = names
  end
  names[name] = (names[name] or 0) + by
end

local function write_counts()
  for state, names in pairs(tally) do
    for name, by in pairs(names) do
      if by ~= 0 then redis.call('HINCRBY', base .. 'counts', state .. ':' .. name, by) end
    end
  end
  tally = {}
end
