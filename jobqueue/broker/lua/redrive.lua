#!lua
--[[
redrive: put a dead letter back as a new run of the same job, its attempts counted from 1 again.

No flags: a script that adds work is refused whole when Redis is out of memory. Repeating it for the same dead letter
within an hour answers the same and makes no second job.

KEYS[1]  base      string  prefix of every key of the queue; names no key itself
ARGV[1]  letter    string  execution id of the dead letter; the caller of call number 1
ARGV[2]  id        string  job id
ARGV[3]  run       int     number of the new run, one more than the dead letter's
ARGV[4]  priority  int     0-3
ARGV[5]  name      string  job name
ARGV[6]  spec      msgpack packed spec
Keys     call:<letter>, job:<id>, state:<id>, ready:<priority>, counts, wake
Returns  "redriven", or "conflict" when a job with this id is waiting or running
]]
--@use clock call wake count record
local letter, id, run, priority, name, body = unpack(ARGV, 1, 6)
local before = answered(letter, 1)
if before then return before end
local record = redis.call('EXISTS', base .. 'job:' .. id) == 1
local live = redis.call('HMGET', base .. 'state:' .. id, 'state', 'fence')
if record and live[1] ~= 'dead' then return 'conflict' end

local stream = 'ready:' .. priority
local entry = redis.call('XADD', base .. stream, '*', 'id', id)
redis.call('SET', base .. 'job:' .. id, head(stream, entry, 1) .. cmsgpack.pack(name, now) .. body)
redis.call('DEL', base .. 'state:' .. id)
redis.call('HSET', base .. 'state:' .. id, 'state', 'ready', 'run', run, 'deliveries', 0,
  'fence', live[2] or 0)
count('ready', name, 1)
write_counts()
remember(letter, 1, 'redriven')
wake()
return 'redriven'
