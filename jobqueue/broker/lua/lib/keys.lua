-- keys: what a job holds beside its place: its unique key, idempotency key and lock. Freed only while they name it.

-- The job that has a unique key. A space before the id says that it ended and the key goes on for its own time; an id
-- without a record was left by a script that stopped half way.
local function owner_of(key)
  local id = redis.call('GET', base .. 'unique:' .. key)
  if id and string.sub(id, 1, 1) == ' ' then return string.sub(id, 2) end
  return id and redis.call('EXISTS', base .. 'job:' .. id) == 1 and id or nil
end

local function free_unique(id, asks)
  local key = asks.unique and base .. 'unique:' .. asks.unique
  if not key or redis.call('GET', key) ~= id then return end
  if asks.ttl then redis.call('SET', key, ' ' .. id, 'KEEPTTL') else redis.call('DEL', key) end
end

-- For a job that leaves its worker, to wait for a time or for good, or that `ended` elsewhere. One that is `undone` never
-- did its work: the same request may come again.
local function let_go(id, asks, ended, undone)
  if ended then
    free_unique(id, asks)
    if asks.idem then
      local key = base .. 'idem:' .. asks.idem
      local known = redis.call('GET', key)
      local keep = not undone and asks.keep or 0
      if known and string.sub(known, -#id - 1) == ' ' .. id then redis.call('PEXPIRE', key, keep) end
    end
    if ends_at(asks, 0) then redis.call('ZREM', base .. 'expiring', id) end
  end
  if asks.lock then unlock(id, asks.lock) end
end
