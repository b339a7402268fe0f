-- lock: jobs with one lock key stand in a line, by arrival; its head has the lock and is the only one in a stream.
-- The lock names the head as long as that waits to be fetched or runs, however long it runs.

-- Takes the lock for a job that becomes ready; returns the id of the job that has it, if that is another.
local function take_lock(id, key)
  local owner = redis.call('GET', base .. 'lock:' .. key)
  -- A job without a record got the lock from a script that stopped half way.
  if owner and owner ~= id and redis.call('EXISTS', base .. 'job:' .. owner) == 1 then return owner end
  redis.call('SET', base .. 'lock:' .. key, id)
  return nil
end

local ABLE = {ready = true, blocked = true}

-- Whether a job in line is ready already, since an unlock stopped half way; then it only wants to be named.
local function went_ahead(id, key)
  local record = redis.call('GET', base .. 'job:' .. id)
  local job = record and parse(record)
  return job and job.asks.lock == key and string.match(job.place, '^%a+') ~= 'scheduled'
end

-- One that has ended keeps its record until that is recorded, and may stand here twice after a stopped script.
local function inherits(id, key)
  if not ABLE[redis.call('HGET', base .. 'state:' .. id, 'state') or 'ready'] then return false end
  return let_in(id, 'blocked:', key) or went_ahead(id, key)
end

-- Hands the lock of a job that ended, or waits for a time, to the next in line: that one is made ready, then named,
-- then leaves the line.
local function unlock(id, key)
  local lock, line = base .. 'lock:' .. key, base .. 'waiting:' .. key
  if redis.call('GET', lock) ~= id then return end
  while true do
    local following = redis.call('LINDEX', line, 0)
    if not following then
      redis.call('DEL', lock)
      return
    end
    local heir = following ~= id and inherits(following, key)
    if heir then redis.call('SET', lock, following) end
    redis.call('LPOP', line)
    if heir then return end
  end
end
