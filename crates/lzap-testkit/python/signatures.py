"""Signs recorded AWS requests once more with botocore, so that another client's signatures can be compared.

stdin:  {"region": NAME, "access_key": ID, "secret_key": KEY, "token": TOKEN or null, "calls": [CALL, ...]}, each CALL
        {"service", "method", "target", "headers": [[NAME, VALUE], ...], "body": BASE64} as the tests' proxy records it.
stdout: a JSON list with, for each call, the headers that botocore adds at the time in the call's `x-amz-date`.
"""

import base64
import json
import sys
from datetime import datetime, timezone
from unittest import mock

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

# Headers that the signer adds, and headers that HTTP clients add after signing.
ADDED = {
    "authorization",
    "connection",
    "content-length",
    "host",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
}


def sign(keys, call):
    """Returns the headers that botocore adds to those of the call."""
    sent = {name.lower(): value for name, value in call["headers"]}
    own = {name: value for name, value in sent.items() if name not in ADDED}
    request = AWSRequest(
        method=call["method"],
        url=f"http://{sent['host']}{call['target']}",
        headers=own,
        data=base64.b64decode(call["body"]),
    )
    signer = botocore.auth.S3SigV4Auth if call["service"] == "s3" else botocore.auth.SigV4Auth
    credentials = Credentials(keys["access_key"], keys["secret_key"], keys["token"])
    time = datetime.strptime(sent["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    with mock.patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: time):
        signer(credentials, call["service"], keys["region"]).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items() if name.lower() in ADDED}


def main():
    keys = json.load(sys.stdin)
    json.dump([sign(keys, call) for call in keys["calls"]], sys.stdout)


if __name__ == "__main__":
    main()
