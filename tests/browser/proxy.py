"""A proxy as a notebook server has one: everything below a path goes to another port, with that path taken off."""

import socketserver
import threading
from contextlib import contextmanager
from socket import create_connection

PREFIX = "/user/me/proxy/1234"


@contextmanager
def below_a_path(port, prefix=PREFIX):
    """Forward `prefix`/... to a port of this machine; the address that stands before the token. All else is 404."""

    class Forward(socketserver.StreamRequestHandler):
        def handle(self):
            head = [self.rfile.readline()]
            while head[-1] not in (b"\r\n", b""):
                head.append(self.rfile.readline())
            method, _, path = head[0].decode().partition(" ")
            if not path.startswith(f"{prefix}/"):
                self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            head[0] = f"{method} {path.removeprefix(prefix)}".encode()
            headers = [line for line in head[:-1] if not line.lower().startswith(b"connection:")]
            lengths = [line.split(b":")[1] for line in head if line.lower().startswith(b"content-length:")]
            with create_connection(("127.0.0.1", port)) as there:
                there.sendall(b"".join([*headers, b"Connection: close\r\n\r\n", self.rfile.read(int(*lengths))]))
                while piece := there.recv(65536):
                    self.wfile.write(piece)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request, client_address):
            """A browser that stopped listening."""

    with Server(("127.0.0.1", 0), Forward) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}{prefix}/"
        server.shutdown()
