"""A schema registry for tests, after the protocol of Confluent's REST API: prints its port, then one JSON line per request.

A record that loses a field counts as incompatible; everything else is compatible. usage: registry.py [USER:PASSWORD]
"""
import base64
import http.server
import json
import re
import socketserver
import sys
import threading
import urllib.parse

MEDIA = "application/vnd.schemaregistry.v1+json"
credentials = sys.argv[1] if len(sys.argv) > 1 else None
lock = threading.Lock()
ids = {}       # canonical schema -> id
subjects = {}  # subject -> [id], by version
references = {}  # canonical schema -> what it refers to


class Refusal(Exception):
    def __init__(self, status, code, message):
        self.status, self.code, self.message = status, code, message


def parse(body):
    request = json.loads(body)
    if request.get("schemaType", "AVRO") != "AVRO":
        raise Refusal(422, 42201, "Invalid schema type " + request["schemaType"])
    try:
        schema = json.loads(request["schema"])
        if schema["type"] == "record":
            assert all(field["name"] and field["type"] for field in schema["fields"])
    except Exception as error:
        raise Refusal(422, 42201, "Invalid schema: " + type(error).__name__)
    text = json.dumps(schema, sort_keys=True)
    if request.get("references"):
        references[text] = request["references"]
    return text


def names(schema):
    return {field["name"] for field in json.loads(schema).get("fields", [])}


def text_of(number):
    return next(text for text, known in ids.items() if known == number)


def register(subject, text):
    versions = subjects.setdefault(subject, [])
    if text in ids and ids[text] in versions:
        return {"id": ids[text]}
    if versions and names(text_of(versions[-1])) - names(text):
        raise Refusal(409, 409, "Schema being registered is incompatible with an earlier schema")
    versions.append(ids.setdefault(text, len(ids) + 1))
    return {"id": versions[-1]}


def describe(subject, number):
    return {"subject": subject, "id": number, "version": subjects[subject].index(number) + 1, "schema": text_of(number)}


def answer(method, path, body):
    parts = [urllib.parse.unquote(part) for part in path.strip("/").split("/")]
    if method == "GET" and parts[:2] == ["schemas", "ids"]:
        for text, number in ids.items():
            if str(number) == parts[2]:
                return {"schema": text, **({"references": references[text]} if text in references else {})}
        raise Refusal(404, 40403, "Schema " + parts[2] + " not found")
    if parts[0] != "subjects" or len(parts) < 2:
        raise Refusal(404, 404, "HTTP 404 Not Found")
    subject = parts[1]
    if method == "POST" and parts[2:] == ["versions"]:
        return register(subject, parse(body))
    if not subjects.get(subject):
        raise Refusal(404, 40401, "Subject '" + subject + "' not found.")
    if method == "POST" and len(parts) == 2:
        text = parse(body)
        if ids.get(text) not in subjects[subject]:
            raise Refusal(404, 40403, "Schema not found")
        return describe(subject, ids[text])
    if method == "GET" and parts[2:3] == ["versions"] and parts[3:4] != ["latest"]:
        number = subjects[subject][int(parts[3]) - 1]
        text = text_of(number)
        return {**describe(subject, number), **({"references": references[text]} if text in references else {})}
    if method == "GET" and parts[2:] == ["versions", "latest"]:
        return describe(subject, subjects[subject][-1])
    raise Refusal(404, 404, "HTTP 404 Not Found")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def serve(self, method):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        print(json.dumps({"method": method, "path": self.path, "type": self.headers.get("Content-Type"), "body": body}), flush=True)
        try:
            if credentials and self.headers.get("Authorization") != "Basic " + base64.b64encode(credentials.encode()).decode():
                raise Refusal(401, 401, "Unauthorized")
            if method == "POST" and self.headers.get("Content-Type") != MEDIA:
                raise Refusal(415, 415, "HTTP 415 Unsupported Media Type")
            with lock:
                status, result = 200, answer(method, self.path, body)
        except Refusal as refusal:
            status, result = refusal.status, {"error_code": refusal.code, "message": refusal.message}
        data = json.dumps(result).encode()
        self.send_response(status)
        self.send_header("Content-Type", MEDIA)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.serve("GET")

    def do_POST(self):
        self.serve("POST")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
