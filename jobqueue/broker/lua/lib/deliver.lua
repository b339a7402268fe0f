-- deliver: give a job to a worker: mint its token, and pack what the worker needs to know. A plain job that was never
-- delivered before leaves nothing but its line among those that the worker runs: its fence lies in its token's ms.
local FIRST = '\0\0\1\0\0' .. cmsgpack.pack(now_us)

-- What the state hash knows of earlier deliveries.
local function lives(id)
  return redis.call('HMGET', base .. 'state:' .. id, 'run', 'attempts', 'deliveries', 'crashes', 'delay', 'fence',
    'token', 'unknown', 'progress', 'last')
end

-- The answer's deliveries, in pieces: to join them only once spares a copy of each record.
local answer, delivered, heads = {}, 0, {}

local function give(size, id, token, record, rest)
  local n, length = 7 * delivered, #id
  heads[length] = heads[length] or '\217' .. string.char(length)
  answer[n + 1], answer[n + 2], answer[n + 3], answer[n + 4] = size, heads[length], id, '\217\36'
  answer[n + 5], answer[n + 6], answer[n + 7] = token, record, rest
  delivered = delivered + 1
end

local function give_again(id, token, record, past, delivery, fence)
  give('\220\0\016', id, token, record, cmsgpack.pack(tonumber(past[1] or 0), tonumber(past[2] or 0), delivery,
    tonumber(past[4] or 0), tonumber(past[5] or 0), fence, tonumber(past[8] or 0), past[10] or ''))
end

-- `held` names the limits that the delivery occupies; it is there, and may be empty, when the job asks for anything.
local function note(key, held, ...)
  if held then return redis.call('HSET', key, 'held', cmsgpack.pack(held), ...) end
  return redis.call('HSET', key, ...)
end

-- Returns the token.
local function deliver(id, record, past, seed, held)
  local token = uuid7(seed)
  if not past then
    if held then note(base .. 'state:' .. id, held, 'token', token) end
    give('\158', id, token, record, FIRST)
    return token
  end
  local key = base .. 'state:' .. id
  local delivery = tonumber(past[3] or (past[7] and 1 or 0)) + 1
  local last = tonumber(past[6] or 0)
  if last == 0 and past[7] then last = (minted_ms(past[7]) + 1) * 1000 end
  local fence = math.max(last + 1, now_us)
  if past[9] then redis.call('HDEL', key, 'progress') end -- this delivery has not come that far
  -- As text: Redis formats numbers slowly.
  note(key, held, 'token', token, 'deliveries', string.format('%d', delivery), 'fence', string.format('%d', fence))
  give_again(id, token, record, past, delivery, fence)
  return token
end

local function reply(status)
  local header = '\220' .. string.char(math.floor(delivered / 256), delivered % 256)
  return '\147' .. cmsgpack.pack(status, now_us) .. header .. table.concat(answer)
end
