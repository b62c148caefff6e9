"""Serves /media/ and /static/ of the Saleor image on port 8001, and nothing else of it."""

import os
import signal
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

ROOT = os.environ.get("FILES_ROOT", "/app")
SERVED = [os.path.realpath(os.path.join(ROOT, name)) + os.sep for name in ("media", "static")]


class Files(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds that an idle or slow client may hold a thread

    def __init__(self, *args, **kwargs):
        super().__init__(*args, directory=ROOT, **kwargs)

    def send_head(self):
        if self.path == "/health/":
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        path = os.path.realpath(self.translate_path(self.path))
        if not path.startswith(tuple(SERVED)) or not os.path.isfile(path):
            self.send_error(404)
            return None
        return super().send_head()

    def end_headers(self):
        # Anybody with the right to upload could otherwise run a script on the shop's own address.
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", "sandbox")
        self.send_header("Cache-Control", "public, max-age=3600")
        super().end_headers()

    def log_request(self, code="-", size="-"):
        pass  # errors are still logged


if __name__ == "__main__":
    server = ThreadingHTTPServer(("", int(os.environ.get("FILES_PORT", "8001"))), Files)
    # shutdown() waits for the loop that a signal handler interrupts: not in the same thread
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
