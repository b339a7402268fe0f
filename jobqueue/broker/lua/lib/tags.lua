-- tags: the tags of a job, the eighth element of its spec. Redis' msgpack does not know bytes: these are stepped over.
local LENGTHS = {[0xc4] = 1, [0xc5] = 2, [0xc6] = 4} -- bytes that tell the length, by the first byte

local function after(text, at)
  local n = LENGTHS[string.byte(text, at + 1)]
  if not n then return (cmsgpack.unpack_one(text, at)) end
  local size = 0
  for i = at + 2, at + 1 + n do size = size * 256 + string.byte(text, i) end
  return at + 1 + n + size
end

local function tags_of(job)
  local text = string.sub(job.rest, job.spec + 1)
  if string.byte(text, 1) % 16 < 8 then return {} end -- an array of at most fifteen
  local at = 1
  for _ = 1, 7 do at = after(text, at) end
  local _, tags = cmsgpack.unpack_one(text, at)
  return tags or {}
end
