#!lua flags=allow-oom
--[[
progress: note how far running jobs are, and tell the clients that wait for them. Only the owner of a delivery may.

KEYS[1]  base     string  prefix of every key of the queue; names no key itself
ARGV[1]  reports  msgpack list of {job id, token, progress as JSON}
Keys     state:<id>, inbox:<client>
Returns  a string with one letter for each report: k kept, l the lease was lost
]]
--@use answer
local codes = {}
for i, report in ipairs(cmsgpack.unpack(ARGV[1])) do
  local id, token, progress = unpack(report)
  local key = base .. 'state:' .. id
  local live = redis.call('HMGET', key, 'token', 'state', 'waiters')
  codes[i] = live[1] == token and live[2] == 'running' and 'k' or 'l'
  if codes[i] == 'k' then
    redis.call('HSET', key, 'progress', progress)
    answer(id, live[3] or '', 'progress', progress)
  end
end
return table.concat(codes)
