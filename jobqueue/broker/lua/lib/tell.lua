-- tell: let a worker know that a delivery of its is to end. The mark stays, for whoever settles it.
local function tell_worker(id, worker, token, reason)
  remark(id)
  redis.call('HSET', base .. 'state:' .. id, 'cancel', reason)
  local list = base .. 'tell:' .. worker
  redis.call('RPUSH', list, token)
  redis.call('PEXPIRE', list, 60000)
end
