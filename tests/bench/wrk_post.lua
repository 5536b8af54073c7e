-- For wrk: posts the one body of the file given behind "--", as METHOD and with the headers of -H;
-- prints what bench-gateway reads, latencies in microseconds.
function init(args)
    local file = assert(io.open(args[1], "rb"))
    wrk.method = args[2]
    wrk.body = file:read("*a")
    file:close()
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        'result {"requests":%d,"us":%d,"failed":%d,"broken":%d,"p50":%d,"p99":%d,"most":%d}\n',
        summary.requests, summary.duration, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50), latency:percentile(99), latency.max))
end
