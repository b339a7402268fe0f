-- record: a job's record is msgpack without a frame: place, entry, past, name, enqueued ms, spec. `place` and `entry`
-- name its present entry; `past` is 1 when the state hash knows of earlier deliveries. A delivery carries it as it is.
local function head(place, entry, past)
  return string.char(160 + #place) .. place .. string.char(160 + #entry) .. entry .. string.char(past)
end

-- Where the place ends and where `past` stands; what follows `past` never changes.
local function open(record)
  local entry = string.byte(record, 1) - 158
  return entry, entry + string.byte(record, entry) - 159
end

local function parse(record)
  local entry, past = open(record)
  local _, name = cmsgpack.unpack_one(record, past)
  return {place = string.sub(record, 2, entry - 1), entry = string.sub(record, entry + 1, past - 1),
          name = name, rest = string.sub(record, past + 1)}
end
