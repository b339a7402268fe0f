-- noted: jobs that have a state hash though nothing in their records says so, since somebody waits for them or a limit
-- counts them. A finish looks for no other hash of a job that asks for nothing and was never delivered before.
local function remark(id) redis.call('SADD', base .. 'noted', id) end
