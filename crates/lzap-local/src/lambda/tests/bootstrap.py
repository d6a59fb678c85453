"""A worker for the tests: it does what the event says, over the Runtime API."""
import http.client, json, os, signal, sys, time

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
BASE = "/2018-06-01/runtime"
served = 0


def call(method, path, body=None):
    api.request(method, BASE + path, body)
    answer = api.getresponse()
    return answer.headers, answer.read()


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

while True:
    headers, body = call("GET", "/invocation/next")
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    event = json.loads(body)
    verb, served = event.get("do", "echo"), served + 1
    result = event
    print("doing", verb)
    sys.stdout.flush()
    if verb == "exit":
        sys.exit(event["code"])
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
        call("POST", f"/invocation/{request_id}/error", json.dumps(problem))
        continue
    elif verb == "count":
        with open(event["file"], "a") as file:
            file.write("x")
        sys.exit(1)
    elif verb == "child":
        if os.fork() == 0:
            time.sleep(600)
        time.sleep(600)
    call("POST", f"/invocation/{request_id}/response", json.dumps(result))
    if verb == "linger":
        time.sleep(event["secs"])
        print("lingered", flush=True)
