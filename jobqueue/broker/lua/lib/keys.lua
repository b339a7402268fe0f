-- keys: what a job holds beside its place: its unique key, idempotency key and lock. Freed only while they name it.
local function free_unique(id, asks)
  -- A key with a time of its own lives as long as that, whatever becomes of the job.
  if not asks.unique or asks.ttl then return end
  local key = base .. 'unique:' .. asks.unique
  if redis.call('GET', key) == id then redis.call('DEL', key) end
end

-- For a job that leaves its worker: to wait for a time, or for good.
local function let_go(id, asks, ended)
  if ended then
    free_unique(id, asks)
    if asks.idem then
      local key = base .. 'idem:' .. asks.idem
      local known = redis.call('GET', key)
      if known and string.sub(known, -#id - 1) == ' ' .. id then redis.call('PEXPIRE', key, asks.keep) end
    end
    if asks.expires or asks.within then redis.call('ZREM', base .. 'expiring', id) end
  end
  if asks.lock then unlock(id, asks.lock) end
end
