"""Records into a Kafka topic, by as little of its protocol as that takes: Produce version 3, one record of format 2 per request, to a broker that leads every
partition (one that is alone does). It shares no code with the programs that are judged by what becomes of the records.
"""

import socket
import struct


def _crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def varint(number):
    """A signed number, zigzag."""
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number & ~0x7F:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _string(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def record_batch(key, value, timestamp):
    body = b"\0" + varint(0) + varint(0) + varint(len(key)) + key + varint(len(value)) + value + varint(0)
    records = varint(len(body)) + body
    # attributes, last offset delta, first and last time, producer's id, epoch and sequence, how many
    counted = struct.pack(">hiqqqhii", 0, 0, timestamp, timestamp, -1, -1, -1, 1) + records
    head = struct.pack(">iBI", -1, 2, crc32c(counted))
    return struct.pack(">qi", 0, len(head) + len(counted)) + head + counted


class Producer:
    def __init__(self, server):
        host, port = server.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation = 0

    def send(self, topic, partition, key, value, timestamp):
        """Returns once the broker has taken the record; raises where it does not."""
        self.correlation += 1
        batch = record_batch(key, value, timestamp)
        request = struct.pack(">hhi", 0, 3, self.correlation) + _string("check") + struct.pack(">hhi", -1, -1, 5000)
        request += struct.pack(">i", 1) + _string(topic) + struct.pack(">iii", 1, partition, len(batch)) + batch
        self.socket.sendall(struct.pack(">i", len(request)) + request)
        answer = self._read(struct.unpack(">i", self._read(4))[0])
        place = 4 + 4 + 2 + len(topic.encode()) + 4 + 4
        error = struct.unpack(">h", answer[place : place + 2])[0]
        if error:
            raise RuntimeError(f"the broker refuses a record for {topic}, partition {partition}: error {error}")

    def _read(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise ConnectionError("the broker has closed the connection")
            data += part
        return data
