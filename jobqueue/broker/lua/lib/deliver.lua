-- deliver: give a job to a worker: mint its token, note the owner, and pack what the worker needs to know.
local NEW = {}

local function lives(id, job)
  if job.past == '0' then return NEW end
  return redis.call('HMGET', base .. 'state:' .. id, 'run', 'attempts', 'deliveries', 'crashes', 'delay', 'fence')
end

local function deliver(id, stream, entry, job, past, worker, seed)
  local token = uuid7(seed)
  local delivery = tonumber(past[3] or 0) + 1
  local fence = math.max(tonumber(past[6] or 0) + 1, now_us)
  -- As text: Redis formats numbers slowly.
  redis.call('HSET', base .. 'state:' .. id, 'state', 'running', 'token', token, 'worker', worker,
    'deliveries', string.format('%d', delivery), 'fence', string.format('%d', fence))
  return '\157' .. cmsgpack.pack(id, token, stream, entry, tonumber(job.enqueued), job.name,
    tonumber(past[1] or 0), tonumber(past[2] or 0), delivery, tonumber(past[4] or 0), tonumber(past[5] or 0),
    fence) .. job.body
end

local function reply(status, deliveries)
  local count = #deliveries
  local header = '\220' .. string.char(math.floor(count / 256), count % 256)
  return '\147' .. cmsgpack.pack(status, now_us) .. header .. table.concat(deliveries)
end
