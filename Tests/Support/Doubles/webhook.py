"""An HTTP endpoint for tests: prints its port, answers by a script, prints one JSON line per request on stdout.

usage: webhook.py ANSWER... ; each answer serves one request, the last one all that follow:
  200 | 503 | 400:text | 429/1 (Retry-After: 1) | 302>URL | close | hang
"""
import http.server
import json
import socket
import socketserver
import sys
import threading
import time

answers = sys.argv[1:] or ["200"]
lock = threading.Lock()
state = {"count": 0, "active": 0, "most": 0}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with lock:
            answer = answers[min(state["count"], len(answers) - 1)]
            state["count"] += 1
            state["active"] += 1
            state["most"] = max(state["most"], state["active"])
            print(json.dumps({
                "path": self.path, "type": self.headers.get("Content-Type"), "body": body, "answer": answer,
                "headers": {name.lower(): value for name, value in self.headers.items()}, "most": state["most"],
            }), flush=True)
        self.respond(answer)

    def leave(self):
        # Before the answer: whoever has it may be back before this thread goes on.
        with lock:
            state["active"] -= 1

    def respond(self, answer):
        if answer == "close":
            self.leave()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if answer == "hang":
            time.sleep(3600)
        if answer.startswith("slow"):
            time.sleep(0.05)
            answer = answer[4:]
        status, _, text = answer.partition(":") if ">" not in answer else (answer, "", "")
        status, _, location = status.partition(">")
        status, _, wait = status.partition("/")
        data = text.encode()
        self.leave()
        self.send_response(int(status))
        if wait:
            self.send_header("Retry-After", wait)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
# Ends with the test, which holds the other end of stdin.
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
