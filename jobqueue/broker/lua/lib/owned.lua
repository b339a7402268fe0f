-- owned: the deliveries that a worker holds, as {stream, entry}, at most `limit` of them.
local STREAMS = {'again:0', 'ready:0', 'again:1', 'ready:1', 'again:2', 'ready:2', 'again:3', 'ready:3'}

local function owned(worker, limit)
  local found = {}
  for _, stream in ipairs(STREAMS) do
    if #found >= limit then break end
    -- A stream or group that does not exist yet owes nobody anything: its error is an empty answer.
    local pending = redis.pcall('XPENDING', base .. stream, 'workers', '-', '+', limit - #found, worker)
    for _, row in ipairs(pending.err and {} or pending) do found[#found + 1] = {stream, row[1]} end
  end
  return found
end

local function job_id(stream, entry)
  local rows = redis.call('XRANGE', base .. stream, entry, entry)
  return rows[1] and rows[1][2][2]
end
