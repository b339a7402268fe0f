-- ack: delete and acknowledge entries together, one call for each stream; a stream never grows. In this order, since
-- an entry that is only deleted stays with its worker until it is acknowledged, and one that is only acknowledged for ever.
local done = {}

local function ack(stream, entry)
  local entries = done[stream]
  if not entries then
    entries = {}
    done[stream] = entries
  end
  entries[#entries + 1] = entry
end

local function write_acks()
  for stream, entries in pairs(done) do
    for first, last in pieces(#entries) do
      redis.call('XDEL', base .. stream, unpack(entries, first, last))
      redis.call('XACK', base .. stream, 'workers', unpack(entries, first, last))
    end
  end
  done = {}
end
