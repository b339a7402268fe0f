-- leave: find out how a job waits, and take it away from wherever that is.
local WAITING = {ready = true, scheduled = true, retrying = true, blocked = true}
local SEEMS = {scheduled = 'scheduled', blocked = 'blocked', parked = 'blocked'}

-- The job, its changing fields and its state; nil when it has no record.
local function find(id)
  local record = redis.call('GET', base .. 'job:' .. id)
  if not record then return nil end
  local job, live = parse(record), live_of(id)
  return job, live, live.state or SEEMS[string.match(job.place, '^%a+')] or 'ready'
end

-- For good, from whatever place; then it lets go of its keys, and the next come where it had been let in.
local function leave(id, job, state)
  if state == 'ready' and job.entry ~= '-' then
    ack(job.place, job.entry)
    write_acks()
  end
  if state == 'ready' then redis.call('ZREM', base .. 'poison', id) end
  if state == 'scheduled' or state == 'retrying' then redis.call('ZREM', base .. 'scheduled', id) end
  if state == 'blocked' and job.asks.lock then redis.call('LREM', base .. 'waiting:' .. job.asks.lock, 0, id) end
  if string.sub(job.place, 1, 7) == 'parked:' then
    for _, each in ipairs(scopes_of(job.name, job.asks)) do unpark(each[1], {id}) end
  end
  if state == 'ready' or state == 'blocked' then pass_on(job.name, job.asks) end
  let_go(id, job.asks, true)
end
