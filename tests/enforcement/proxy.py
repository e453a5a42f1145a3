"""A proxy before Prometheus that can lie, which Prometheus itself cannot be made to do.

`proxy.py LISTEN UPSTREAM FILE`: while FILE holds `latency`, requests take no time (in-flight is 0 and nothing is bad); while it holds
`frozen`, every query is answered with the numbers of the first time, with the times of now.
"""

import http.server
import json
import socketserver
import sys
import time
import urllib.error
import urllib.request

listen, upstream, lie_file = sys.argv[1:4]
host, port = listen.rsplit(":", 1)
frozen = {}


def lie():
    try:
        with open(lie_file) as file:
            return file.read().strip()
    except OSError:
        frozen.clear()
        return ""


def told(kind, key, body):
    if kind == "frozen":
        answer = json.loads(frozen.setdefault(key, body))
    else:
        answer = json.loads(body)
    now = time.time()
    for one in answer.get("data", {}).get("result", []):
        if not isinstance(one, dict) or "value" not in one:
            continue
        name = one["metric"].get("__name__", "")
        value = one["value"][1]
        if kind == "frozen":
            # A query for timestamp(…) has no name: the times are kept fresh.
            value = str(now) if not name and float(value) > 1e9 else value
        elif name in ("plimsoll:signal:in_flight", "plimsoll:signal:bad", "plimsoll:bad:rate5m"):
            value = "0"
        one["value"] = [now, value]
    return json.dumps(answer).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        request = urllib.request.Request(upstream + self.path, body, method=self.command)
        if self.headers.get("Content-Type"):
            request.add_header("Content-Type", self.headers["Content-Type"])
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        except OSError as error:
            status, text = 502, str(error).encode()
        kind = lie()
        if kind and status == 200 and "/query" in self.path:
            text = told(kind, (self.path, body), text)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = handle_any

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True


Server((host, int(port)), Handler).serve_forever()
