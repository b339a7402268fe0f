#!lua flags=allow-oom
--[[
progress: note how far running jobs are, and tell the clients that wait for them. Only the owner of a delivery may.

KEYS[1]  base     string  prefix of every key of the queue; names no key itself
ARGV[1]  worker   string  id of the worker
ARGV[2]  reports  msgpack list of {job id, token, progress as JSON}
Keys     running:<worker>, state:<id>, noted, inbox:<client>
Returns  a string with one letter for each report: k kept, l the lease was lost
]]
--@use answer noted
local codes = {}
for i, report in ipairs(cmsgpack.unpack(ARGV[2])) do
  local id, token, progress = unpack(report)
  local line = redis.call('HGET', base .. 'running:' .. ARGV[1], id)
  codes[i] = line and string.sub(line, 1, 36) == token and 'k' or 'l'
  if codes[i] == 'k' then
    local key = base .. 'state:' .. id
    remark(id)
    redis.call('HSET', key, 'progress', progress)
    answer(id, redis.call('HGET', key, 'waiters') or '', 'progress', progress)
  end
end
return table.concat(codes)
