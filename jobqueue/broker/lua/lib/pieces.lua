-- pieces: walk a list of n values in pieces that one command can take, since Lua unpacks no more than 8,000 at once.
local function pieces(n)
  local last = 0
  return function()
    local first = last + 1
    last = math.min(last + 1000, n)
    if first <= n then return first, last end
  end
end
