-- record: a job's record is msgpack without a frame: place, entry, flags, name, enqueued ms, spec. `place` and `entry`
-- name its present entry; flags: PAST when the state hash knows of earlier deliveries, ASKS when the spec holds what
-- these scripts have to obey. A delivery carries the record as it is.
local PAST, ASKS = 1, 2

-- Short texts as msgpack has them, made once for a call: places are few, and entries have one or two lengths.
local places, lengths = {}, {}

-- `rest` follows the flags; it may come in two parts.
local function record_of(place, entry, flags, rest, more)
  local size = #entry
  places[place] = places[place] or string.char(160 + #place) .. place
  lengths[size] = lengths[size] or string.char(160 + size)
  return places[place] .. lengths[size] .. entry .. string.char(flags) .. rest .. (more or '')
end

-- What a job asks for, from its spec: the second element of an array of at most fifteen.
local function asks_at(text, spec)
  local _, _, asks = cmsgpack.unpack_limit(text, 2, spec + 1)
  return asks
end

-- When a job that has not started ends, if ever.
local function expiry(asks, enqueued)
  return asks.expires or asks.within and enqueued + asks.within
end

-- When a job is dead unless it has ended, if ever; one that was put back from the dead letters has no such time.
local function deadline(asks, enqueued, run)
  if tonumber(run or 0) > 0 then return nil end
  return asks.deadline or asks.deadline_in and enqueued + asks.deadline_in
end

-- The first time at which a job that waits ends, and whether that is its deadline; nothing when there is none.
local function ends_at(asks, enqueued, started, run)
  local expires, dead = not started and expiry(asks, enqueued) or nil, deadline(asks, enqueued, run)
  if expires and not (dead and dead < expires) then return expires, false end
  return dead, true
end

-- Where the place ends and where the flags stand; what follows these never changes.
local function open(record)
  local entry = string.byte(record, 1) - 158
  return entry, entry + string.byte(record, entry) - 159
end

-- The name, which begins behind the flags; a short one is read as it is, which is quicker.
local function name_of(record, flags)
  local size = string.byte(record, flags + 1)
  if size < 192 then return string.sub(record, flags + 2, flags + size - 159) end
  local _, name = cmsgpack.unpack_one(record, flags)
  return name
end

local function parse(record)
  local entry, at = open(record)
  local flags = string.byte(record, at)
  local spec, name, enqueued = cmsgpack.unpack_limit(record, 2, at)
  return {place = string.sub(record, 2, entry - 1), entry = string.sub(record, entry + 1, at - 1), name = name,
          enqueued = enqueued, priority = string.sub(record, entry - 1, entry - 1), past = flags % 2,
          asked = flags - flags % 2, asks = flags >= ASKS and asks_at(record, spec) or {},
          rest = string.sub(record, at + 1), spec = spec - at}
end
