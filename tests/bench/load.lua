-- One load script for all operations; settings come from the environment:
--   OP     empty | client_credentials | introspect | refresh | revoke
--   AUTH   client_id=…&client_secret=…
--   SEED   file of JSON lines with "access" or "refresh"; FIELD which of them; SKIP how many were used
--   ROUND  refresh: so many of them, whose successors go round
--   OUT    append what was issued to this file, JSON lines
local op, auth = os.getenv("OP"), os.getenv("AUTH") or ""
local out = os.getenv("OUT") and io.open(os.getenv("OUT"), "a")

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"

local function read_seeds()
  local seeds, field = {}, os.getenv("FIELD")
  for line in io.lines(os.getenv("SEED")) do
    local value = line:match('"' .. field .. '":"([^"]+)"')
    if value then seeds[#seeds + 1] = value end
  end
  return seeds
end

if op == "empty" or op == "client_credentials" then
  wrk.body = "grant_type=client_credentials&" .. auth .. "&scope=read+write"
elseif op == "introspect" then
  local seeds, i = read_seeds(), 0
  function request()
    i = i % #seeds + 1
    return wrk.format(nil, nil, nil, "token=" .. seeds[i] .. "&" .. auth)
  end
elseif op == "revoke" then
  local seeds, i = read_seeds(), tonumber(os.getenv("SKIP") or "0")
  function request()
    i = i + 1
    return wrk.format(nil, nil, nil, "token=" .. (seeds[i] or "exhausted") .. "&" .. auth)
  end
elseif op == "refresh" then
  local queue = read_seeds()
  local head = 1 + tonumber(os.getenv("SKIP"))
  local tail = head + tonumber(os.getenv("ROUND")) - 1
  for i = tail + 1, #queue do queue[i] = nil end
  function request()
    local token = "exhausted"
    if head <= tail then token, queue[head] = queue[head], nil; head = head + 1 end
    return wrk.format(nil, nil, nil, "grant_type=refresh_token&" .. auth .. "&refresh_token=" .. token)
  end
  function response(status, headers, body)
    local token = status == 200 and body:match('"refresh_token":"([^"]+)"')
    if token then tail = tail + 1; queue[tail] = token end
  end
end

if out then
  function response(status, headers, body)
    local token = body:match('"access_token":"([^"]+)"')
    if token then out:write('{"access":"', token, '"}\n') end
  end
end

-- What was not answered as it should be must not pass for speed.
function done(summary, latency, requests)
  io.write(string.format('JSON {"requests": %d, "seconds": %.3f, "errors": %d, "p50_us": %d, "p99_us": %d}\n',
    summary.requests, summary.duration / 1e6,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
