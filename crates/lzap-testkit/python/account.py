"""A moto server whose account can be copied with all its resources, and listed.

stdout: one line, the port. In addition to AWS's operations the server answers

POST /lzap/copy    {"port": N}: another server with a copy of this account. The copy is a forked process: it takes
                   milliseconds, and its later changes don't affect this server.
GET  /lzap/dump    all resources of the account, as boto3 reads them, without IDs and times.
POST /lzap/exit    ends this server.

A copy waits until no other request is in flight: a lock that another thread holds during the fork would stay locked in
the copy. Where a deploy depends on an error that AWS returns and moto doesn't, moto is patched (see `as_aws`).
"""

import io
import json
import logging
import os
import re
import sys
import threading
from urllib.parse import urlsplit, urlunsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.apigatewayv2.models import Api
from moto.awslambda.policy import Policy
from moto.core.config import default_user_config
from moto.core.exceptions import JsonRESTError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

REGION = sys.argv[1]
# S3 checks a condition and writes atomically; moto does it in two steps, between which another thread may write.
CONDITIONAL = threading.Lock()


class Server:
    """This process's server; a copy has another one."""

    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.clients = {}
        self.answering = 0
        self.changed = threading.Condition()
        self.listen()

    def listen(self):
        self.http = make_server("127.0.0.1", 0, self.answer, threaded=True, request_handler=MotoRequestHandler)

    def answer(self, environ, start_response):
        if environ["PATH_INFO"] == "/lzap/copy":
            return reply(start_response, {"port": self.copy(environ["werkzeug.socket"])})
        self.count(1)
        try:
            return self.answer_alike(environ, start_response)
        finally:
            self.count(-1)

    def count(self, more):
        with self.changed:
            self.answering += more
            self.changed.notify_all()

    def answer_alike(self, environ, start_response):
        """Answers the requests that the original and its copies handle in the same way."""
        path = environ["PATH_INFO"]
        if path == "/lzap/dump":
            return reply(start_response, dump(self.call))
        if path == "/lzap/exit":
            os._exit(0)
        if "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MATCH" in environ:
            with CONDITIONAL:
                return self.moto(environ, start_response)
        if environ["REQUEST_METHOD"] == "PUT" and "/" not in path.strip("/") and not environ["QUERY_STRING"]:
            return self.create_bucket(path.strip("/"), environ, start_response)
        return self.moto(environ, start_response)

    def create_bucket(self, name, environ, start_response):
        """Creates a bucket with the tags of the request, which moto ignores."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        answer = self.moto(environ, start_response)
        tags = re.findall(r"<Key>(.*?)</Key>\s*<Value>(.*?)</Value>", body.decode())
        if tags and self.call("s3", "list_objects_v2", Bucket=name):
            tags = [{"Key": key, "Value": value} for key, value in tags]
            self.call("s3", "put_bucket_tagging", Bucket=name, Tagging={"TagSet": tags})
        return answer

    def copy(self, connection):
        with self.changed:
            if not self.changed.wait_for(lambda: self.answering == 0, timeout=60):
                raise TimeoutError("another request has been under way for a minute")
            old = self.http
            self.listen()
            copied, self.http = self.http, old
            if os.fork() > 0:
                copied.socket.close()
                return copied.server_port
        # In the copy only this thread exists after the fork, and the original answers the request.
        old.socket.close()
        connection.close()
        self.http = copied
        copied.serve_forever()
        os._exit(0)

    def client(self, service):
        """Returns a boto3 client. Making one takes 0.1 s, so copies inherit them and redirect them to their port."""
        if service not in self.clients:
            client = boto3.client(
                service,
                endpoint_url="http://127.0.0.1:1",
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
            )
            client.meta.events.register("before-send", self.point_here)
            self.clients[service] = client
        return self.clients[service]

    def point_here(self, request, **_):
        parts = urlsplit(request.url)
        request.url = urlunsplit(parts._replace(netloc=f"127.0.0.1:{self.http.server_port}"))

    def call(self, service, operation, **parameters):
        """Returns the answer, or nothing when the resource is missing."""
        try:
            answer = getattr(self.client(service), operation)(**parameters)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 404 or "NotFound" in str(error):
                return {}
            raise
        answer.pop("ResponseMetadata", None)
        return answer


def as_aws():
    """Makes moto reject a second resource with the same name, as AWS does. Otherwise a call that is retried after a
    lost response would create the resource twice."""
    create_route, add_statement = Api.create_route, Policy.add_statement

    def route_once(self, *args, **kwargs):
        key = kwargs.get("route_key", args[2] if len(args) > 2 else None)
        if any(route.route_key == key for route in self.routes.values()):
            raise Exists("ConflictException", f"Route with key {key} already exists for this API")
        return create_route(self, *args, **kwargs)

    def statement_once(self, raw, *args, **kwargs):
        name = json.loads(raw).get("StatementId")
        if any(statement.get("Sid") == name for statement in self.statements):
            raise Exists("ResourceConflictException", f"The statement id ({name}) provided already exists.")
        return add_statement(self, raw, *args, **kwargs)

    Api.create_route, Policy.add_statement = route_once, statement_once


class Exists(JsonRESTError):
    code = 409


def reply(start_response, value):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(value, default=str, sort_keys=True).encode()]


# Listing the account

# Generated by AWS, or a time.
INVENTED = {
    "RevisionId", "LastModified", "Location", "CreateDate", "CreatedDate", "LastUpdatedDate", "RoleId", "CreationDate",
    "creationTime", "CreationTime", "LastModifiedTime", "storedBytes", "RoleLastUsed", "ETag", "Owner", "DeploymentId",
    "CreatedBy", "RuleSetVersion",
}
TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
# The id of a function URL is invented anew for each.
URL = re.compile(r"https://\w+\.lambda-url")


def dump(call):
    found = {
        "caller": call("sts", "get_caller_identity"),
        "buckets": [bucket(call, each["Name"]) for each in call("s3", "list_buckets")["Buckets"]],
        "roles": [role(call, each["RoleName"]) for each in call("iam", "list_roles")["Roles"]],
        "functions": [function(call, each["FunctionName"]) for each in call("lambda", "list_functions")["Functions"]],
        "apis": [api(call, each) for each in call("apigatewayv2", "get_apis")["Items"]],
        "rules": [rule(call, each) for each in call("events", "list_rules")["Rules"]],
        "log groups": [log_group(call, each) for each in call("logs", "describe_log_groups")["logGroups"]],
    }
    # IDs of API Gateway are also parts of ARNs and of the URL.
    text = json.dumps(plain(found), sort_keys=True)
    for number, each in enumerate(found["apis"], 1):
        text = text.replace(each["api"]["ApiId"], f"[API {number}]")
        for kind in ("Integration", "Route"):
            ids = [item[f"{kind}Id"] for item in each[f"{kind.lower()}s"]]
            for index, name in enumerate(ids, 1):
                text = text.replace(name, f"[{kind} {number}.{index}]")
    return in_order(json.loads(URL.sub("[URL]", TIME.sub("[TIME]", text))))


def plain(value):
    if isinstance(value, dict):
        return {key: plain(below) for key, below in value.items() if key not in INVENTED}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def in_order(value):
    """Sorts lists, because resources that are created concurrently come in any order."""
    if isinstance(value, dict):
        return {key: in_order(below) for key, below in value.items()}
    if isinstance(value, list):
        return sorted((in_order(each) for each in value), key=json.dumps)
    return value


def bucket(call, name):
    settings = {"public access": "get_public_access_block", "encryption": "get_bucket_encryption",
                "lifecycle": "get_bucket_lifecycle_configuration", "tags": "get_bucket_tagging"}
    found = {what: call("s3", operation, Bucket=name) for what, operation in settings.items()}
    objects = call("s3", "list_objects_v2", Bucket=name).get("Contents", [])
    # Artifacts are named by the hash of their content; other objects contain owners and times.
    shown = [f"{each['Key']} {each['Size']}" if each["Key"].endswith(".zip") else each["Key"] for each in objects]
    return {"name": name, "objects": shown, **found}


def role(call, name):
    policies = call("iam", "list_role_policies", RoleName=name)["PolicyNames"]
    return {
        "role": call("iam", "get_role", RoleName=name),
        "policies": [call("iam", "get_role_policy", RoleName=name, PolicyName=each) for each in policies],
        "attached": call("iam", "list_attached_role_policies", RoleName=name),
    }


def function(call, name):
    of = {"FunctionName": name}
    aliases = call("lambda", "list_aliases", **of)["Aliases"]
    policy = lambda **to: json.loads(call("lambda", "get_policy", **of, **to).get("Policy", "{}"))
    url = lambda **to: call("lambda", "get_function_url_config", **of, **to)
    shown = lambda alias: {"alias": alias, "policy": policy(Qualifier=alias["Name"]), "url": url(Qualifier=alias["Name"])}
    return {
        "function": call("lambda", "get_function", **of),
        "versions": call("lambda", "list_versions_by_function", **of),
        "aliases": [shown(each) for each in aliases],
        "policy": policy(),
        "concurrency": call("lambda", "get_function_concurrency", **of),
    }


def api(call, found):
    parts = ("integrations", "routes", "stages")
    lists = {each: call("apigatewayv2", f"get_{each}", ApiId=found["ApiId"]).get("Items", []) for each in parts}
    return {"api": found, **lists}


def rule(call, found):
    return {
        "rule": found,
        "targets": call("events", "list_targets_by_rule", Rule=found["Name"]),
        "tags": call("events", "list_tags_for_resource", ResourceARN=found["Arn"]),
    }


def log_group(call, found):
    # moto's ARN ends in `:*`, which AWS's operation doesn't accept.
    tags = call("logs", "list_tags_for_resource", resourceArn=found["arn"].removesuffix(":*"))
    return {"group": found, "tags": tags}


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    # Lambda runs no code: each invocation takes the next answer from a queue.
    default_user_config["lambda"]["use_docker"] = False
    as_aws()
    server = Server()
    serving = threading.Thread(target=server.http.serve_forever)
    serving.start()
    # moto loads a service at its first call, and two threads that load concurrently can deadlock. So each service is
    # called once before the server accepts other requests.
    dump(server.call)
    print(server.http.server_port, flush=True)
    serving.join()


if __name__ == "__main__":
    main()
