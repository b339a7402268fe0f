-- clock: the time that a test has set, in µs, which every call then has as its last argument; else the server's.
local now_us = tonumber(ARGV[#ARGV])
if not now_us then
  local time = redis.call('TIME')
  now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local now = math.floor(now_us / 1000)

-- The id of an entry says since when a job is ready, so it gets that time too, unless the last one is later.
local server = redis
local redis = setmetatable({call = function(...)
  local command, key, id = ...
  if command ~= 'XADD' or id ~= '*' then return server.call(...) end
  local entry = server.pcall(command, key, string.format('%d-*', now), select(4, ...))
  return entry.err and server.call(...) or entry
end}, {__index = server})
