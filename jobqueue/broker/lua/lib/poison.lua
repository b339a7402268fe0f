-- poison: jobs on their last life, while the worker that found them runs another one, by priority and arrival.
local kept = 0

local function keep_back(id, job)
  redis.call('ZADD', base .. 'poison', tonumber(job.priority) * 1e13 + now + kept / 100, id)
  redis.call('SET', base .. 'job:' .. id, record_of('poison:' .. job.priority, '-', job.asked + PAST, job.rest))
  kept = kept + 1
end

-- Puts the first one in front of its priority, for a worker that runs none; says whether others remain.
local function admit()
  local ids = redis.call('ZRANGE', base .. 'poison', 0, 1)
  local id = ids[1]
  if not id then return false end
  local record = redis.call('GET', base .. 'job:' .. id)
  local job = record and parse(record)
  if job and string.sub(job.place, 1, 7) == 'poison:' then requeue(id, job, PAST) end
  redis.call('ZREM', base .. 'poison', id)
  return ids[2] ~= nil
end
