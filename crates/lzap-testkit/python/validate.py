"""Checks recorded AWS requests against the API models that AWS publishes (botocore carries them).

An emulator may accept a request that AWS rejects. So each request is parsed by the model of its operation, and all its
parts are compared with that model: required members, members that don't exist, lengths, patterns, enums, ranges.

stdin:  one JSON object per line: {"service", "method", "target", "headers": [[NAME, VALUE], ...], "body": BASE64}.
        `service` is the one in the request's SigV4 scope, `target` the path with its query.
stdout: one JSON object per line, in the same order: {"operation": "lambda:GetFunction", "problems": [TEXT, ...],
        "input": {MEMBER: VALUE}}.
exit:   1 when there are problems.
"""

import base64
import json
import sys
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

import botocore.session
import regex

# Services whose name in the SigV4 scope differs from the name of their model.
MODEL_NAMES = {"monitoring": "cloudwatch"}
SESSION = botocore.session.get_session()
MODELS = {}


def model_of(request):
    name = MODEL_NAMES.get(request.service, request.service)
    # Two services that have the same name in the SigV4 scope.
    if name == "apigateway" and request.path.startswith("/v2/"):
        name = "apigatewayv2"
    return model_named(name)


def model_named(name):
    if name not in MODELS:
        MODELS[name] = SESSION.get_service_model(name)
    return MODELS[name]


class Request:
    def __init__(self, record):
        path, _, query = record["target"].partition("?")
        self.service = record["service"]
        self.method = record["method"]
        self.path = path
        self.query = parse_qsl(query, keep_blank_values=True)
        self.headers = {name.lower(): value for name, value in record["headers"]}
        self.body = base64.b64decode(record["body"])


# Finding the operation


def operation_of(request, model):
    protocol = model.metadata["protocol"]
    if protocol == "json":
        return model.operation_model(request.headers["x-amz-target"].rsplit(".", 1)[1])
    if protocol == "query":
        return model.operation_model(dict(parse_qsl(request.body.decode()))["Action"])
    return rest_operation(request, model)


def rest_operation(request, model):
    """Returns the most specific operation that matches the method, path, query and required headers."""
    fitting = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        score = rest_score(request, operation)
        if score is not None:
            fitting.append((score, name, operation))
    if not fitting:
        raise LookupError(f"no operation for {request.method} {request.path}")
    return max(fitting, key=lambda each: each[:2])[2]


def rest_score(request, operation):
    if operation.http["method"] != request.method:
        return None
    labels = match_path(operation.http["requestUri"], request.path)
    if labels is None:
        return None
    sent = dict(request.query)
    constants = uri_constants(operation)
    if any(key not in sent or (value and sent[key] != value) for key, value in constants):
        return None
    score = 10 * len(constants) - len(labels)
    shape = operation.input_shape
    for name in shape.required_members if shape else []:
        where, key = location(shape, name)
        if where == "querystring" or where == "header":
            if key.lower() not in (request.headers if where == "header" else {k.lower() for k in sent}):
                return None
            score += 5
    return score


def uri_constants(operation):
    return parse_qsl(operation.http["requestUri"].partition("?")[2], keep_blank_values=True)


def match_path(template, path):
    """Returns the labels in `path`, or None when it doesn't match `template`."""
    pattern = ""
    for part in regex.split(r"(\{[^}]+\})", template.partition("?")[0].rstrip("/")):
        if part.startswith("{"):
            name = regex.sub(r"\W", "_", part[1:-1].rstrip("+"))
            pattern += f"(?P<{name}>{'.+' if part.endswith('+}') else '[^/]+'})"
        else:
            pattern += regex.escape(part)
    found = regex.fullmatch(pattern + "/?", path)
    return {key: unquote(value) for key, value in found.groupdict().items()} if found else None


def location(shape, name):
    member = shape.members[name].serialization
    return member.get("location"), member.get("name", name)


# Parsing the wire format. `problems` collects the parts that the model doesn't have.


def scalar(shape, text, path, problems):
    """Parses `text`; returns it unchanged when it isn't valid for the shape."""
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
    except ValueError:
        problems.append(f"{path}: {text!r} is not a number")
        return None
    if kind == "boolean":
        if text not in ("true", "false"):
            problems.append(f"{path}: {text!r} is not true or false")
        return text == "true"
    return base64.b64decode(text) if kind == "blob" else text


def from_query(shape, pairs, prefix, path, problems):
    kind = shape.type_name
    if kind == "structure":
        value = {}
        for name, member in shape.members.items():
            key = f"{prefix}{member.serialization.get('name', name)}"
            below = {k: v for k, v in pairs.items() if k == key or k.startswith(key + ".")}
            if below:
                value[name] = from_query(member, pairs, key, f"{path}.{name}", problems) if key in below else (
                    from_query(member, pairs, key + ".", f"{path}.{name}", problems)
                )
        return value
    if kind == "list":
        step = prefix if shape.serialization.get("flattened") else prefix + "member."
        indexes = sorted({int(k[len(step) :].split(".")[0]) for k in pairs if k.startswith(step)})
        return [query_item(shape.member, pairs, f"{step}{i}", f"{path}[{i}]", problems) for i in indexes]
    return scalar(shape, pairs.pop(prefix.rstrip(".")), path, problems)


def query_item(shape, pairs, key, path, problems):
    dotted = key if shape.type_name not in ("structure", "list") else key + "."
    return from_query(shape, pairs, dotted, path, problems)


def from_json(shape, node, path, problems):
    kind = shape.type_name
    if node is None:
        return None
    if kind == "structure" and isinstance(node, dict):
        names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        value = {}
        for key, below in node.items():
            if key not in names:
                problems.append(f"{path}.{key}: no such member in {shape.name}")
                continue
            value[names[key]] = from_json(shape.members[names[key]], below, f"{path}.{key}", problems)
        return value
    if kind == "list" and isinstance(node, list):
        return [from_json(shape.member, each, f"{path}[{i}]", problems) for i, each in enumerate(node)]
    if kind == "map" and isinstance(node, dict):
        return {key: from_json(shape.value, each, f"{path}[{key}]", problems) for key, each in node.items()}
    if kind == "blob" and isinstance(node, str):
        return base64.b64decode(node)
    return node


def from_xml(shape, node, path, problems):
    kind = shape.type_name
    if kind == "structure":
        return xml_structure(shape, node, path, problems)
    if kind == "list":
        wanted = shape.member.serialization.get("name", "member")
        return [xml_item(shape, each, wanted, f"{path}[{i}]", problems) for i, each in enumerate(node)]
    return scalar(shape, node.text or "", path, problems)


def xml_item(shape, node, wanted, path, problems):
    if tag(node) != wanted:
        problems.append(f"{path}: element {tag(node)} where {wanted} belongs")
    return from_xml(shape.member, node, path, problems)


def xml_structure(shape, node, path, problems):
    value = {}
    names = {}
    for name, member in shape.members.items():
        flat = member.type_name == "list" and member.serialization.get("flattened")
        default = member.member.serialization.get("name", name) if flat else name
        names[member.serialization.get("name", default)] = (name, member, flat)
    for child in node:
        if tag(child) not in names:
            problems.append(f"{path}.{tag(child)}: no such member in {shape.name}")
            continue
        name, member, flat = names[tag(child)]
        if flat:
            below = from_xml(member.member, child, f"{path}.{name}", problems)
            value.setdefault(name, []).append(below)
        else:
            value[name] = from_xml(member, child, f"{path}.{name}", problems)
    return value


def tag(node):
    return node.tag.rpartition("}")[2]


def parse(request, operation, problems):
    """Parses the input of the operation by the protocol of its service."""
    shape = operation.input_shape
    protocol = operation.service_model.metadata["protocol"]
    if protocol == "json":
        return from_json(shape, json.loads(request.body or b"{}"), operation.name, problems) if shape else {}
    if protocol == "query":
        pairs = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        pairs.pop("Action"), pairs.pop("Version", None)
        value = from_query(shape, pairs, "", operation.name, problems) if shape else {}
        problems.extend(f"{operation.name}.{key}: no such parameter" for key in pairs)
        return value
    return parse_rest(request, operation, problems) if shape else {}


def parse_rest(request, operation, problems):
    shape = operation.input_shape
    labels = match_path(operation.http["requestUri"], request.path)
    constants = {key for key, _ in uri_constants(operation)} | {"x-id"}
    query = {}
    for key, text in request.query:
        query.setdefault(key, []).append(text)
    value = {}
    for name, member in shape.members.items():
        where, key = location(shape, name)
        path = f"{operation.name}.{name}"
        if where == "uri":
            value[name] = scalar(member, labels[regex.sub(r"\W", "_", key)], path, problems)
        elif where == "querystring" and key in query:
            texts = query.pop(key)
            many = member.type_name == "list"
            each = [scalar(member.member if many else member, text, path, problems) for text in texts]
            value[name] = each if many else each[-1]
        elif where == "header" and key.lower() in request.headers:
            value[name] = from_header(member, request.headers[key.lower()], path, problems)
    problems.extend(f"{operation.name}?{key}: no such parameter" for key in query if key not in constants)
    value.update(parse_body(request, operation, problems))
    return value


def from_header(member, text, path, problems):
    if member.type_name == "list":
        return [scalar(member.member, each.strip(), path, problems) for each in text.split(",")]
    if member.type_name == "timestamp":
        return text
    return scalar(member, text, path, problems)


def parse_body(request, operation, problems):
    shape = operation.input_shape
    payload = shape.serialization.get("payload")
    body_shape = shape.members[payload] if payload else shape
    if payload and body_shape.type_name in ("blob", "string"):
        return {payload: request.body} if request.body else {}
    if not request.body:
        return {}
    if operation.service_model.metadata["protocol"] == "rest-xml":
        value = from_xml(body_shape, ElementTree.fromstring(request.body), operation.name, problems)
    else:
        value = from_json(body_shape, json.loads(request.body), operation.name, problems)
    return {payload: value} if payload else value


# Comparing with the model


TYPES = {
    "structure": dict,
    "list": list,
    "map": dict,
    "string": (str, bytes),
    "character": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "boolean": bool,
    "blob": (bytes, str),
    "timestamp": (str, int, float),
}


def check(shape, value, path, problems):
    kind = shape.type_name
    if value is None:
        return
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        problems.append(f"{path}: {type(value).__name__} where {kind} belongs")
        return
    check_limits(shape, value, path, problems)
    if kind == "structure":
        problems.extend(f"{path}.{name}: required" for name in shape.required_members if value.get(name) is None)
        for name, below in value.items():
            check(shape.members[name], below, f"{path}.{name}", problems)
    elif kind == "list":
        for index, below in enumerate(value):
            check(shape.member, below, f"{path}[{index}]", problems)
    elif kind == "map":
        for key, below in value.items():
            check(shape.key, key, f"{path} key {key!r}", problems)
            check(shape.value, below, f"{path}[{key}]", problems)


def check_limits(shape, value, path, problems):
    limits = shape.metadata
    number = isinstance(value, (int, float))
    measured, what = (value, "value") if number else (len(value), "length")
    if not isinstance(value, (bool, dict)) or shape.type_name == "map":
        if "min" in limits and measured < limits["min"]:
            problems.append(f"{path}: {what} {measured} is below {limits['min']}")
        if "max" in limits and measured > limits["max"]:
            problems.append(f"{path}: {what} {measured} is above {limits['max']}")
    if isinstance(value, str):
        if getattr(shape, "enum", None) and value not in shape.enum:
            problems.append(f"{path}: {value!r} is none of {', '.join(shape.enum)}")
        pattern = limits.get("pattern")
        # AWS writes `[\w-_]`, where its own engine reads three things and others a range.
        if pattern and not regex.fullmatch(pattern.replace(r"\w-_", r"\w\-_"), value):
            problems.append(f"{path}: {value!r} doesn't match {pattern}")


def validate(record):
    problems = []
    request = Request(record)
    operation = operation_of(request, model_of(request))
    value = parse(request, operation, problems)
    if operation.input_shape:
        check(operation.input_shape, value, operation.name, problems)
    return {"operation": f"{request.service}:{operation.name}", "problems": problems, "input": value}


def main():
    found = False
    for line in sys.stdin:
        record = json.loads(line)
        try:
            result = validate(record)
        except Exception as error:  # A request that can't be read at all is a finding, not a crash.
            result = {"operation": f"{record['service']}:?", "problems": [f"unreadable: {error!r}"], "input": {}}
        found = found or bool(result["problems"])
        print(json.dumps(result, default=lambda _: None))  # Of bodies that are bytes nothing is said.
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
