"""Redis for the oracles: as little of its protocol as they need, over a plain socket, sharing no code with the program that they judge.

Addresses are written as everywhere: redis://[USER@]HOST:PORT[/DB] or redis+unix:///PATH[?db=N]; the password is FRESHET_REDIS_PASSWORD's, or in
the file that FRESHET_REDIS_PASSWORD_FILE names.
"""

import os
import socket
from urllib.parse import parse_qs, urlsplit


class RedisError(Exception):
    """What Redis answered instead of a result."""


class Redis:
    def __init__(self, address, timeout=10):
        """Connects; an OSError where nobody answers, a RedisError where the login is refused."""
        parts = urlsplit(address)
        if parts.scheme == "redis+unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(parts.path)
            database = parse_qs(parts.query).get("db", ["0"])[0]
        else:
            self.socket = socket.create_connection((parts.hostname, parts.port or 6379), timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            database = parts.path.strip("/") or "0"
        self.file = self.socket.makefile("rb", 1 << 16)
        if password := self.password():
            self.call("AUTH", *([parts.username] if parts.username else []), password)
        if database != "0":
            self.call("SELECT", database)

    @staticmethod
    def password():
        if path := os.environ.get("FRESHET_REDIS_PASSWORD_FILE"):
            with open(path) as file:
                return file.read().strip()
        return os.environ.get("FRESHET_REDIS_PASSWORD")

    def close(self):
        self.file.close()
        self.socket.close()

    @staticmethod
    def encode(*arguments):
        """The bytes of one command."""
        out = [b"*%d\r\n" % len(arguments)]
        for argument in arguments:
            text = argument if isinstance(argument, bytes) else str(argument).encode()
            out.append(b"$%d\r\n%s\r\n" % (len(text), text))
        return b"".join(out)

    def send(self, data):
        self.socket.sendall(data)

    def read(self):
        """One reply: None, an int, a str, bytes or a list. An error inside is raised once the whole reply has been read."""
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis has closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            count = int(rest)
            if count < 0:
                return None
            data = self.file.read(count + 2)
            if len(data) < count + 2:
                raise ConnectionError("Redis has closed the connection")
            return data[:-2]
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise RedisError(rest.decode())
        return [self.read() for _ in range(int(rest))]

    def call(self, *arguments):
        self.send(self.encode(*arguments))
        return self.read()

    def keys(self, pattern):
        """All keys that match, each once."""
        found, cursor = set(), b"0"
        while True:
            cursor, some = self.call("SCAN", cursor, "MATCH", pattern, "COUNT", "2000")
            found.update(some)
            if cursor == b"0":
                return found

    def hashes(self, keys):
        """Pairs of a key and its fields, as texts, in the order of `keys`."""
        keys = list(keys)
        for start in range(0, len(keys), 500):
            some = keys[start : start + 500]
            self.send(b"".join(self.encode("HGETALL", key) for key in some))
            for key in some:
                texts = [text.decode() for text in self.read()]
                yield key.decode(), dict(zip(texts[::2], texts[1::2]))
