"""A server that only verifies signatures, with botocore, since moto's Lambda rejects even those of boto3.

usage: signed_server.py PORT KEYS, with KEYS = {"region", "access_key", "secret_key", "token", "ahead"} as JSON. Its clock
is `ahead` seconds ahead of this machine's.

A request whose signature is right and less than 5 minutes old is answered with 200 (a POST with its own body too), any
other with 403 and an error as its service writes it.
"""

import base64
import json
import sys
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from signatures import sign

KEYS = json.loads(sys.argv[2])
MAX_AGE_SECONDS = 300


def complaint(call, sent):
    """Returns the code and the text of the error, or None for a valid signature."""
    is_s3 = call["service"] == "s3"
    if "x-amz-date" not in sent or "authorization" not in sent:
        return ("AccessDenied" if is_s3 else "MissingAuthenticationTokenException"), "not signed"
    signed = time.mktime(time.strptime(sent["x-amz-date"], "%Y%m%dT%H%M%SZ")) - time.timezone
    if abs(signed - time.time() - KEYS["ahead"]) > MAX_AGE_SECONDS:
        return ("RequestTimeTooSkewed" if is_s3 else "InvalidSignatureException"), "the time is wrong"
    for name, value in sign(KEYS, call).items():
        if sent.get(name) != value:
            code = "SignatureDoesNotMatch" if is_s3 else "InvalidSignatureException"
            return code, f"{name}: expected {value}, got {sent.get(name)}"
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        sent = {name.lower(): value for name, value in self.headers.items()}
        scope = sent.get("authorization", "").partition("Credential=")[2].split(",")[0].split("/")
        call = {
            "service": scope[3] if len(scope) > 3 else "",
            "method": self.command,
            "target": self.path,
            "headers": list(sent.items()),
            "body": base64.b64encode(body).decode(),
        }
        wrong = complaint(call, sent)
        if wrong is None:
            return self.reply(200, body if self.command == "POST" else b"", {"etag": '"checked"'})
        code, text = wrong
        if call["service"] == "s3":
            error = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
            return self.reply(403, error.encode(), {})
        return self.reply(403, json.dumps({"message": text}).encode(), {"x-amzn-errortype": code})

    def reply(self, status, body, headers):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("date", formatdate(time.time() + KEYS["ahead"], usegmt=True))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
