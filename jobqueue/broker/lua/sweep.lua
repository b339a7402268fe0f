#!lua flags=allow-oom
--[[
sweep: find the jobs among some that fit, and count them, or end those that wait and tell the workers of those that run.
Repeating it changes nothing.

KEYS[1]  base    string  prefix of every key of the queue; names no key itself
ARGV[1]  ids     msgpack list of job ids
ARGV[2]  fits    msgpack map: name, tag, priority as text, before (enqueued at the latest, ms since epoch), running
                 (whether those that run fit); what is missing asks for nothing
ARGV[3]  end     int     1 to end them, 0 to count them
ARGV[4]  word    string  what the rows say of it, such as purged
ARGV[5]  reason  string  why, for the rows; may be empty
Keys     job:<id>, state:<id>, noted, ready:<priority>, again:<priority>, scheduled, expiring, poison, unique:<key>,
         idem:<key>, lock:<key>, waiting:<key>, leases, running:<worker>, succeeded, rules, limit:<scope>, rate:<scope>,
         parked:<scope>, scopes, journal, journal:size, journal:rows, inbox:<client>, counts, tell:<worker>, wake
Returns  msgpack {jobs that waited and fitted, jobs that run and fit and were not told before, list of lock keys of these
         ids where others stand in line, size of the journal in bytes}
]]
--@use clock wake due count record pieces running noted answer journal uuid7 requeue lock limits parking keys row
--@use find leave withdraw tell tags
local fits, ends = cmsgpack.unpack(ARGV[2]), ARGV[3] == '1'
local waited, told, lines = 0, 0, {}

local function has_tag(job)
  for _, tag in ipairs(tags_of(job)) do
    if tag == fits.tag then return true end
  end
  return false
end

local function is_meant(job)
  return (not fits.name or job.name == fits.name) and (not fits.priority or job.priority == fits.priority)
    and (not fits.before or job.enqueued <= fits.before) and (not fits.tag or has_tag(job))
end

for _, id in ipairs(cmsgpack.unpack(ARGV[1])) do
  local job, live, state, worker = find(id)
  if job then
    local lock = job.asks.lock
    if lock and state ~= 'blocked' and redis.call('EXISTS', base .. 'waiting:' .. lock) == 1 then
      lines[#lines + 1] = lock
    end
    if WAITING[state] and is_meant(job) then
      waited = waited + 1
      if ends then withdraw(id, 'cancelled', ARGV[4], ARGV[5]) end
    elseif state == 'running' and fits.running and not live.cancel and is_meant(job) then
      told = told + 1
      if ends then tell_worker(id, worker, live.token, ARGV[5]) end
    end
  end
end
write_counts()
if put_back > 0 then wake() end
return '\148' .. cmsgpack.pack(waited, told, lines, tonumber(redis.call('GET', base .. 'journal:size') or 0))
