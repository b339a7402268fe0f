-- uuid7: ids from the server's clock, the position in this call, and random bits of the call (`xxxx-xxxxxxxxxxxx`).
local minted, stamp = 0, nil

local function uuid7(seed)
  -- Twelve bits hold the position; a call that mints more borrows the next millisecond.
  if minted % 4096 == 0 then
    stamp = string.format('%012x', now + minted / 4096)
    stamp = string.sub(stamp, 1, 8) .. '-' .. string.sub(stamp, 9) .. '-7'
  end
  local id = stamp .. string.format('%03x', minted % 4096) .. '-' .. seed
  minted = minted + 1
  return id
end

local function minted_ms(id)
  return tonumber(string.sub(id, 1, 8) .. string.sub(id, 10, 13), 16)
end
