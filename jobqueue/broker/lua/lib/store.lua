-- store: put a new job where it waits. The record comes last: stopping before it leaves an entry, a place in a line or
-- a due time without one, and those are dropped by whoever meets them.
local ready = {} -- place and key of each priority's stream

-- `begin` is the packed name and time. Returns the state in which it waits, and the job that it waits for when that is
-- another job's lock.
local function store(id, priority, name, flags, begin, spec, asks, due)
  if due and due > now then
    schedule(id, due)
    write_record(id, 'scheduled:' .. priority, '-', flags, begin, spec)
    return 'scheduled'
  end
  local owner = asks.lock and take_lock(id, asks.lock)
  if owner then
    redis.call('RPUSH', base .. 'waiting:' .. asks.lock, id)
    write_record(id, 'blocked:' .. priority, '-', flags, begin, spec)
    return 'blocked', owner
  end
  local stream = ready[priority]
  if not stream then
    stream = {'ready:' .. priority, base .. 'ready:' .. priority}
    ready[priority] = stream
  end
  write_record(id, stream[1], redis.call('XADD', stream[2], '*', 'id', id), flags, begin, spec)
  return 'ready'
end
