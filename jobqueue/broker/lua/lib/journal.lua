-- journal: append records of finished attempts, and keep the size of them all: MEMORY USAGE guesses it from the first.
local journaled = 0

local function journal(record)
  redis.call('XADD', base .. 'journal', '*', 'r', record)
  journaled = journaled + #record
end

local function write_size()
  if journaled > 0 then redis.call('INCRBY', base .. 'journal:size', journaled) end
end
