-- clock: the server's time, the only judge of due times and leases, in µs and ms.
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(now_us / 1000)
