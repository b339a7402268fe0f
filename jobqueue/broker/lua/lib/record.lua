-- record: take a job's record apart. Its first line is `place entry enqueued_ms past name`; the packed spec follows.
-- `past` is 1 when the state hash has something to say about earlier deliveries, and 0 for a job never delivered.
local function parse(record)
  local place, entry, enqueued, past, name, body = string.match(record, '^(%S+) (%S+) (%d+) (%d) (%S+)\n()')
  return {place = place, entry = entry, enqueued = enqueued, past = past, name = name, body = string.sub(record, body),
          priority = string.sub(place, -1)}
end

local function compose(place, entry, enqueued, past, name, body)
  return place .. ' ' .. entry .. ' ' .. enqueued .. ' ' .. past .. ' ' .. name .. '\n' .. body
end
