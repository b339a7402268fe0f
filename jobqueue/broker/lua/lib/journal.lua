-- journal: append the records of attempts that ended, those of one call as one entry: a msgpack list. Their size and
-- number are counted, since MEMORY USAGE guesses the size from the first entry and XLEN counts the entries.
local function append(count, records)
  if count == 0 then return end
  local entry = '\220' .. string.char(math.floor(count / 256), count % 256) .. records
  redis.call('XADD', base .. 'journal', '*', 'r', entry)
  redis.call('INCRBY', base .. 'journal:size', #entry)
  redis.call('INCRBY', base .. 'journal:rows', count)
end

local function journal(records) append(#records, table.concat(records)) end

-- The same for records that came joined, with their sizes, 0 for none: only those whose letter says that they count.
local function journal_kept(codes, sizes, joined)
  local rows, all = 0, true
  for i, size in ipairs(sizes) do
    if size > 0 then rows = rows + 1 end
    all = all and codes[i] == 'k'
  end
  if all then return append(rows, joined) end
  local kept, first = {}, 1
  for i, size in ipairs(sizes) do
    if codes[i] == 'k' and size > 0 then kept[#kept + 1] = string.sub(joined, first, first + size - 1) end
    first = first + size
  end
  journal(kept)
end
