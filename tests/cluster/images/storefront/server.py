import http.server

from built_with import NEXT_PUBLIC_API_URI


class Storefront(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        page = f"<!doctype html><title>KeyBoss</title><script>API_URI = '{NEXT_PUBLIC_API_URI}'</script>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("", 3000), Storefront).serve_forever()
