-- uuid7: ids from the server's clock, the position in this call, and random bits of the call (`xxxx-xxxxxxxxxxxx`).
local minted = 0

local function uuid7(seed)
  local hex = string.format('%012x', now)
  local id = string.sub(hex, 1, 8) .. '-' .. string.sub(hex, 9) .. '-7' .. string.format('%03x', minted) .. '-' .. seed
  minted = minted + 1
  return id
end
