-- running: who has which delivery. `running:<worker>` maps each job that a worker took to its token, and to the
-- stream and the entry that it was taken from; the entry leaves its stream as the job is taken. A delivery counts as
-- long as the job's record names that entry still, and its state says neither that the job has ended nor that this very
-- delivery was `lost`.

-- Longer than 64 bytes: Redis keeps shorter values as a list that is searched from its start.
local PAD = '          '

local function delivery_of(token, stream, entry) return token .. stream .. entry .. PAD end

local function read_delivery(id, line)
  return {id = id, token = string.sub(line, 1, 36), stream = string.sub(line, 37, 43),
          entry = string.match(line, '^%S+', 44)}
end

-- All that a worker has, in the order of delivery.
local function running_of(worker)
  local fields, found = redis.call('HGETALL', base .. 'running:' .. worker), {}
  for i = 1, #fields, 2 do found[#found + 1] = read_delivery(fields[i], fields[i + 1]) end
  table.sort(found, function(a, b) return a.token < b.token end)
  return found
end

local function waits(stream, entry)
  return #redis.call('XRANGE', base .. stream, entry, entry) > 0
end

-- Whether a job was really handed over with this delivery, and did not go elsewhere since: a fetch that stopped half
-- way leaves the entry where it was, and whoever puts a job elsewhere names another one. Whoever ends a job takes its
-- entry away too: what the state says comes on top.
local function belongs(each, job)
  return job and job.place == each.stream and job.entry == each.entry and not waits(each.stream, each.entry)
end

-- The delivery of a job that runs, and its worker.
local function runner_of(id, job)
  for _, worker in ipairs(redis.call('ZRANGE', base .. 'leases', 0, -1)) do
    local value = redis.call('HGET', base .. 'running:' .. worker, id)
    local each = value and read_delivery(id, value)
    if each and each.stream == job.place and each.entry == job.entry then return each, worker end
  end
end

local function give_up(worker, ids)
  for first, last in pieces(#ids) do redis.call('HDEL', base .. 'running:' .. worker, unpack(ids, first, last)) end
end
