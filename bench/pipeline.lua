-- SPDX-License-Identifier: MIT
-- wrk: sends DEPTH requests at a time on every connection.
--   wrk -s bench/pipeline.lua URL -- DEPTH

local batch

init = function(args)
    local depth = tonumber(args[1] or "16")
    local requests = {}
    for i = 1, depth do
        requests[i] = wrk.format()
    end
    batch = table.concat(requests)
end

request = function()
    return batch
end
