#!lua
--[[
redrive: put a dead letter back as a new run of the same job, its attempts counted from 1 again.

No flags: a script that adds work is refused whole when Redis is out of memory. Repeating it for the same dead letter
within an hour, or while the new run lasts, answers the same and makes no second job.

KEYS[1]  base      string  prefix of every key of the queue; names no key itself
ARGV[1]  letter    string  execution id of the dead letter; the caller of call number 1
ARGV[2]  id        string  job id
ARGV[3]  run       int     number of the new run, one more than the dead letter's
ARGV[4]  priority  int     0-3
ARGV[5]  name      string  job name
ARGV[6]  spec      msgpack packed spec
Keys     call:<letter>, job:<id>, state:<id>, ready:<priority>, counts, wake
Returns  "redriven", or "conflict" when another run of a job with this id is waiting or running
]]
--@use clock call wake count record uuid7
local letter, id, run, priority, name, body = unpack(ARGV, 1, 6)
local before = answered(letter, 1)
if before then return before end
local record = redis.call('EXISTS', base .. 'job:' .. id) == 1
local state = base .. 'state:' .. id
local live = redis.call('HMGET', state, 'state', 'fence', 'token', 'run')
-- The same run is waiting or running: this very redrive has been done.
if record and live[1] ~= 'dead' then return live[4] == run and 'redriven' or 'conflict' end
-- The fence of a first delivery lies in its token.
local fence = live[2] or live[3] and string.format('%d', (minted_ms(live[3]) + 1) * 1000) or '0'

-- Dead until the end, so that this can be repeated; and of the new run before anybody can fetch it.
redis.call('HSET', state, 'state', 'dead', 'run', run, 'attempts', 0, 'deliveries', 0, 'crashes', 0, 'delay', 0,
  'fence', fence)
redis.call('HDEL', state, 'token', 'worker', 'result', 'error', 'waiters')
redis.call('PERSIST', state)
local stream = 'ready:' .. priority
local entry = redis.call('XADD', base .. stream, '*', 'id', id)
redis.call('SET', base .. 'job:' .. id, head(stream, entry, 1) .. cmsgpack.pack(name, now) .. body)
redis.call('HSET', state, 'state', 'ready')
count('ready', name, 1)
write_counts()
remember(letter, 1, 'redriven')
wake()
return 'redriven'
