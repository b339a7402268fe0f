-- uuid7: ids from the server's clock, the position in this call, and random bits of the call (`xxxx-xxxxxxxxxxxx`).
local minted = 0
local stamp = string.format('%012x', now)
stamp = string.sub(stamp, 1, 8) .. '-' .. string.sub(stamp, 9) .. '-7'

local function uuid7(seed)
  local id = stamp .. string.format('%03x', minted) .. '-' .. seed
  minted = minted + 1
  return id
end

local function minted_ms(id)
  return tonumber(string.sub(id, 1, 8) .. string.sub(id, 10, 13), 16)
end
