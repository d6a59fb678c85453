"""A worker for the tests: it does what the event says, over the Runtime API, several events at once where it may."""
import http.client, json, os, signal, sys, threading, time

BASE = "/2018-06-01/runtime"
served = 0
inside = 0
local = threading.local()


def call(method, path, body=None, headers={}):
    if not hasattr(local, "api"):
        local.api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    local.api.request(method, BASE + path, body, headers)
    answer = local.api.getresponse()
    return answer.status, answer.headers, answer.read()


def post(request_id, kind, body, headers):
    """Sends an answer, and says in the log when it is refused."""
    status, _, answer = call("POST", f"/invocation/{request_id}/{kind}", json.dumps(body), headers)
    if status != 202:
        print("refused", status, json.loads(answer)["errorType"], flush=True)
    return status


init = os.environ.get("INIT", "")
print("starting", init, flush=True)
if init == "exit":
    sys.exit(3)
if init == "error":
    call("POST", "/init/error", json.dumps({"errorType": "Init.Broken", "errorMessage": "no config"}))
    sys.exit(1)
if init == "once":
    marker = os.path.join(os.environ["TMPDIR"], "seen")
    if not os.path.exists(marker):
        open(marker, "w").close()
        sys.exit(1)


def serve():
    while True:
        serve_one()


def serve_one():
    global served, inside
    _, headers, body = call("GET", "/invocation/next")
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    own = {"Lambda-Runtime-Invocation-Id": headers["Lambda-Runtime-Invocation-Id"]}
    event = json.loads(body)
    verb, served = event.get("do", "echo"), served + 1
    result = event
    print("doing", verb)
    sys.stdout.flush()
    if verb == "exit":
        os._exit(event["code"])
    elif verb == "kill":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif verb == "sleep":
        time.sleep(event["secs"])
    elif verb == "context":
        result = {name.lower(): value for name, value in headers.items()}
        result["now"] = time.time() * 1000
        result["served"] = served
        result["pid"] = os.getpid()
    elif verb == "environment":
        result = {"variables": dict(os.environ), "cwd": os.getcwd(), "files": sorted(os.listdir("."))}
    elif verb == "allocate":
        hoard = bytearray(event["mb"] << 20)
        for at in range(0, len(hoard), 4096):
            hoard[at] = 1
        time.sleep(0.3)
    elif verb == "long":
        result = "x" * event["bytes"]
    elif verb == "error":
        problem = {"errorType": "Oops", "errorMessage": "as asked", "stackTrace": ["here"]}
        post(request_id, "error", problem, own)
        return
    elif verb == "count":
        with open(event["file"], "a") as file:
            file.write("x")
        os._exit(1)
    elif verb == "truncate":
        # The connection breaks in the middle of an answer, and then the process ends.
        local.api.putrequest("POST", f"{BASE}/invocation/{request_id}/{event['kind']}")
        local.api.putheader("Content-Length", "100")
        local.api.endheaders(b'{"errorType"')
        local.api.close()
        time.sleep(0.3)
        os._exit(7)
    elif verb == "child":
        if os.fork() == 0:
            time.sleep(600)
        time.sleep(600)
    elif verb == "meet":
        # Answers when as many events are here at once.
        inside += 1
        until = time.time() + 5
        while inside < event["count"] and time.time() < until:
            time.sleep(0.01)
        result = {
            "event": event,
            "met": inside,
            "pid": os.getpid(),
            "request_id": request_id,
            "invocation_id": own["Lambda-Runtime-Invocation-Id"],
        }
    elif verb == "wrong":
        # Answers with ids that aren't this delivery's, then as it should.
        wrong = {"Lambda-Runtime-Invocation-Id": "0f0f0f0f-0000-4000-8000-000000000000"}
        statuses = [post(request_id, kind, "wrong", wrong) for kind in ["response", "error"]]
        statuses.append(post("0f0f0f0f-0000-4000-8000-000000000000", "response", "wrong", own))
        result = statuses
    elif verb == "bare":
        own = {}
    elif verb == "late":
        # The first attempt is too slow; the second one still works when the first one answers.
        is_first = not os.path.exists(event["file"])
        with open(event["file"], "a") as file:
            file.write("x")
        time.sleep(2.6 if is_first else 0.9)
    post(request_id, "response", result, own)
    if verb in ("wrong", "bare"):
        post(request_id, "response", "again", own)
    if verb == "linger":
        time.sleep(event["secs"])
        print("lingered", flush=True)


tasks = 1 if init == "sequential" else int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1"))
for _ in range(1, tasks):
    threading.Thread(target=serve, daemon=True).start()
serve()
