-- deliver: give a job to a worker: mint its token, and pack what the worker needs to know. A plain job that was never
-- delivered before leaves nothing but its line among those that the worker runs: its fence lies in its token's ms.
local FIRST = '\0\0\1\0\0' .. cmsgpack.pack(now_us)

-- What the state hash knows of earlier deliveries.
local function lives(id)
  return redis.call('HMGET', base .. 'state:' .. id, 'run', 'attempts', 'deliveries', 'crashes', 'delay', 'fence',
    'token', 'unknown', 'progress')
end

local function pack_delivery(id, token, record, past, delivery, fence)
  return '\159' .. cmsgpack.pack(id, token) .. record .. cmsgpack.pack(tonumber(past[1] or 0), tonumber(past[2] or 0),
    delivery, tonumber(past[4] or 0), tonumber(past[5] or 0), fence, tonumber(past[8] or 0))
end

-- `held` names the limits that the delivery occupies; it is there, and may be empty, when the job asks for anything.
local function note(key, held, ...)
  if held then return redis.call('HSET', key, 'held', cmsgpack.pack(held), ...) end
  return redis.call('HSET', key, ...)
end

local function deliver(id, record, past, seed, held)
  local key, token = base .. 'state:' .. id, uuid7(seed)
  if not past then
    if held then note(key, held, 'token', token) end
    return '\158' .. cmsgpack.pack(id) .. '\217\36' .. token .. record .. FIRST, token
  end
  local delivery = tonumber(past[3] or (past[7] and 1 or 0)) + 1
  local last = tonumber(past[6] or 0)
  if last == 0 and past[7] then last = (minted_ms(past[7]) + 1) * 1000 end
  local fence = math.max(last + 1, now_us)
  if past[9] then redis.call('HDEL', key, 'progress') end -- this delivery has not come that far
  -- As text: Redis formats numbers slowly.
  note(key, held, 'token', token, 'deliveries', string.format('%d', delivery), 'fence', string.format('%d', fence))
  return pack_delivery(id, token, record, past, delivery, fence), token
end

local function reply(status, deliveries)
  local count = #deliveries
  local header = '\220' .. string.char(math.floor(count / 256), count % 256)
  return '\147' .. cmsgpack.pack(status, now_us) .. header .. table.concat(deliveries)
end
