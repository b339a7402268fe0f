-- store: put a new job where it waits. The record comes last: stopping before it leaves an entry, a place in a line or
-- a due time without one, and those are dropped by whoever meets them. Records gather until they are written, since a
-- command for each takes as long as all the rest of storing a job.
local unwritten = {}

local function write_record(id, place, entry, flags, rest)
  local n = #unwritten
  unwritten[n + 1], unwritten[n + 2] = base .. 'job:' .. id, head(place, entry, flags) .. rest
end

local function write_records()
  for first, last in pieces(#unwritten) do redis.call('MSET', unpack(unwritten, first, last)) end
  unwritten = {}
end

-- Returns the state in which it waits, and the job that it waits for when that is another job's lock.
local function store(id, priority, name, flags, rest, asks, due)
  if due and due > now then
    schedule(id, due)
    write_record(id, 'scheduled:' .. priority, '-', flags, rest)
    return 'scheduled'
  end
  local owner = asks.lock and take_lock(id, asks.lock)
  if owner then
    redis.call('RPUSH', base .. 'waiting:' .. asks.lock, id)
    write_record(id, 'blocked:' .. priority, '-', flags, rest)
    return 'blocked', owner
  end
  local stream = 'ready:' .. priority
  write_record(id, stream, redis.call('XADD', base .. stream, '*', 'id', id), flags, rest)
  return 'ready'
end
