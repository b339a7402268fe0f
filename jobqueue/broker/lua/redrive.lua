#!lua
--[[
redrive: put a dead letter back as a new run of the same job, its attempts counted from 1 again. It takes its unique
key again and joins its lock's line; it does not expire.

No flags: a script that adds work is refused whole when Redis is out of memory. Repeating it for the same dead letter
within an hour, or while the new run lasts, answers the same and makes no second job.

KEYS[1]  base      string  prefix of every key of the queue; names no key itself
ARGV[1]  letter    string  execution id of the dead letter; the caller of call number 1
ARGV[2]  id        string  job id
ARGV[3]  run       int     number of the new run, one more than the dead letter's
ARGV[4]  priority  int     0-3
ARGV[5]  name      string  job name
ARGV[6]  spec      msgpack packed spec
ARGV[7]  asked     int     1 when the spec holds something to obey
Keys     call:<letter>, job:<id>, state:<id>, ready:<priority>, again:<priority>, scheduled, unique:<key>, idem:<key>,
         lock:<key>, waiting:<key>, counts, wake
Returns  "redriven", or "conflict" when another run of a job with this id is waiting or running, or another job has its
         unique key
]]
--@use clock call wake due count record uuid7 requeue lock keys pieces write store
local letter, id, run, priority, name, spec, asked = unpack(ARGV, 1, 7)
local before = answered(1, last_of(letter))
if before then return before end
local record = redis.call('EXISTS', base .. 'job:' .. id) == 1
local state = base .. 'state:' .. id
local live = redis.call('HMGET', state, 'state', 'fence', 'token', 'run')
-- The same run is waiting or running: this very redrive has been done.
if record and live[1] ~= 'dead' then return live[4] == run and 'redriven' or 'conflict' end
local flags = asked == '1' and ASKS + PAST or PAST
local asks = asked == '1' and asks_at(spec, 0) or {}
local unique = not asks.ttl and asks.unique
local owner = unique and owner_of(unique)
if owner and owner ~= id then return 'conflict' end
local idem = asks.idem and base .. 'idem:' .. asks.idem
local known = idem and redis.call('GET', idem)
local ours = idem and asks.print .. ' ' .. id
-- The fence of a first delivery lies in its token.
local fence = live[2] or live[3] and string.format('%d', (minted_ms(live[3]) + 1) * 1000) or '0'

-- Dead until the end, so that this can be repeated; and of the new run before anybody can fetch it.
redis.call('HSET', state, 'state', 'dead', 'run', run, 'attempts', 0, 'deliveries', 0, 'crashes', 0, 'delay', 0,
  'fence', fence)
redis.call('HDEL', state, 'token', 'result', 'error', 'waiters', 'held', 'cancel', 'unknown', 'progress',
  'ending', 'lost', 'deleted', 'last')
redis.call('PERSIST', state)
if unique then redis.call('SET', base .. 'unique:' .. unique, id) end
-- Another job may have it by now, and keeps it.
if idem and (not known or known == ours) then redis.call('SET', idem, ours) end
local waits = store(id, priority, name, flags, cmsgpack.pack(name, now), spec, asks)
write_records()
redis.call('HSET', state, 'state', waits)
count(waits, name, 1)
write_counts()
remember(letter, 1, 'redriven')
wake()
return 'redriven'
