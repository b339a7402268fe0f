-- answer: tell the clients that wait for this job what it came to. An inbox that nobody reads lives a minute.
local function answer(id, waiters, state, payload)
  for inbox in string.gmatch(waiters or '', '%S+') do
    local key = base .. 'inbox:' .. inbox
    redis.call('RPUSH', key, '\147' .. cmsgpack.pack(id, state, payload))
    redis.call('PEXPIRE', key, 60000, 'NX')
  end
end
