-- write: records gather until they are written, since a command for each takes as long as all the rest of making a job
-- ready.
local unwritten = {}

local function write_record(id, place, entry, flags, rest, more)
  local n = #unwritten
  unwritten[n + 1], unwritten[n + 2] = base .. 'job:' .. id, record_of(place, entry, flags, rest, more)
end

local function write_records()
  for first, last in pieces(#unwritten) do redis.call('MSET', unpack(unwritten, first, last)) end
  unwritten = {}
end
