-- uuid7: ids from the server's clock, the position in this call, and random bits of the call (`xxxx-xxxxxxxxxxxx`).
local minted, stamp, sixteen = 0, nil, nil
local HEX = '0123456789abcdef'

local function uuid7(seed)
  -- Twelve bits hold the position; a call that mints more borrows the next millisecond.
  if minted % 4096 == 0 then
    stamp = string.format('%012x', now + minted / 4096)
    stamp = string.sub(stamp, 1, 8) .. '-' .. string.sub(stamp, 9) .. '-7'
  end
  -- To format the position of every id takes as long as all the rest of it.
  local last = minted % 16
  if last == 0 then sixteen = stamp .. string.format('%02x', minted % 4096 / 16) end
  minted = minted + 1
  return sixteen .. string.sub(HEX, last + 1, last + 1) .. '-' .. seed
end

local function minted_ms(id)
  return tonumber(string.sub(id, 1, 8) .. string.sub(id, 10, 13), 16)
end
