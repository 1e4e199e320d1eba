#!/usr/bin/python3
"""Attacks a running gateway, from outside, as strangers on the network would.

  gateway_attacks_test.py BIN [CONNECTIONS]

BIN is the folder of the programs. CONNECTIONS idle connections are held (2000).
Whatever is done: the gateway goes on serving others, needs no more memory than
before, and gives nobody a name that is not theirs.
"""

import base64
import collections
import contextlib
import hashlib
import hmac
import json
import os
import random
import re
import resource
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import h2.config
import h2.connection
import h2.events
import h2.settings
import hpack

BIN = sys.argv[1] if len(sys.argv) > 1 else ""
CONNECTIONS = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

LIST = "/caravan.zones.v1.PilotZoneService/ListPilotZones"  # everybody may
CREATE = "/caravan.zones.v1.PilotZoneService/CreatePilotZone"  # mallory may not
EMPTY_MESSAGE = b"\0\0\0\0\0"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = (
    0, 1, 2, 3, 4, 6, 8, 9)
END_STREAM, END_HEADERS = 1, 4

# How much more memory an attack may leave behind: what the allocator keeps.
# Built with a sanitizer, a program also keeps what it has freed.
SANITIZED = os.path.basename(os.path.dirname(os.path.abspath(BIN))) in ("asan", "tsan", "fuzz")
SLACK_KB = 400_000 if SANITIZED else 12_000


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def kinds_of_frames(data):
    kinds = []
    while len(data) >= 9:
        kinds.append(data[3])
        data = data[9 + int.from_bytes(data[:3], "big"):]
    return kinds


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Answer:
    """The fields of an answer, of header and trailers together."""

    def __init__(self):
        self.fields = {}
        self.reset = None

    @property
    def code(self):
        return int(self.fields.get("grpc-status", -1))

    @property
    def reason(self):
        details = unbase64url(
            self.fields.get("grpc-status-details-bin", "").replace("+", "-").replace("/", "_"))
        found = re.search(rb"([A-Z][A-Z_]+)\x12\x07caravan", details)
        return found.group(1).decode() if found else ""

    @property
    def message(self):
        return self.fields.get("grpc-message", "")


class Process:
    """A program of Caravan that serves."""

    def __init__(self, folder, stem, name, *flags):
        self.log = open(os.path.join(folder, stem + ".log"), "w+b")
        ports = os.path.join(folder, stem + ".ports.json")
        self.process = subprocess.Popen(
            [os.path.join(BIN, name), "--ports-file", ports, "--admin-listen", "127.0.0.1:0", *flags],
            stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while not os.path.exists(ports):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                raise RuntimeError(name + " did not start:\n" + self.log.read().decode())
            time.sleep(0.02)
        with open(ports, encoding="utf-8") as file:
            addresses = json.load(file)
        self.port = int(addresses["listen"][0].rsplit(":", 1)[1])
        self.admin_port = int(addresses["admin"].rsplit(":", 1)[1])

    def memory_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1))

    def metric(self, name):
        with socket.create_connection(("127.0.0.1", self.admin_port), timeout=20) as s:
            s.sendall(b"GET /metrics HTTP/1.0\r\nHost: a\r\n\r\n")
            text = b""
            while part := s.recv(65536):
                text += part
        found = re.search(rf"^{name} (\S+)$", text.decode(), re.MULTILINE)
        return float(found.group(1)) if found else 0

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.log.close()
        return code


class World:
    """A zones service and a gateway before it, with certificates and tokens."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="caravan-attacks-")
        self.processes = []
        self.certificates("--folder", self.path(), "--services", "gateway,zones", "--users",
                          "admin,mallory")
        self.certificates("token", "--folder", self.path())
        self.zones = self.start(
            "caravan-zones", "--store", "sqlite:" + self.path("zones.db"),
            "--tls-certificate", self.path("zones.pem"), "--tls-key", self.path("zones.key"),
            "--tls-client-ca", self.path("ca.pem"),
            "--identity-jwks", self.path("identity.jwks.json"),
            "--access-policy", os.path.join(ROOT, "deploy/access/access.yaml"))
        self.gateway = self.start_gateway("--max-connections", str(CONNECTIONS + 1000))

    def start_gateway(self, *flags):
        return self.start(
            "caravan-gateway",
            "--tls-certificate", self.path("gateway.pem"), "--tls-key", self.path("gateway.key"),
            "--tls-client-ca", self.path("ca.pem"),
            "--upstream", f"zones=127.0.0.1:{self.zones.port}",
            "--upstream-certificate", self.path("gateway.pem"),
            "--upstream-key", self.path("gateway.key"), "--upstream-ca", self.path("ca.pem"),
            "--identity-key", self.path("identity.key"),
            "--token-jwks", self.path("token.jwks.json"),
            "--token-issuer", "caravan-certificates", "--token-leeway", "0s",
            "--handshake-timeout", "5s", "--header-timeout", "5s",
            # Clients here don't always listen, so they answer no ping.
            "--keepalive-interval", "1h", *flags)

    def path(self, name=""):
        return os.path.join(self.folder, name)

    def certificates(self, *flags):
        return subprocess.run([os.path.join(BIN, "caravan-certificates"), *flags], check=True,
                              capture_output=True, text=True).stdout.strip()

    def token(self, user, *flags, folder=None):
        return self.certificates("token", "--folder", folder or self.path(), "--user", user, *flags)

    def start(self, name, *flags):
        process = Process(self.folder, f"{name}-{len(self.processes)}", name, *flags)
        self.processes.append(process)
        return process

    def close(self):
        codes = [process.stop() for process in reversed(self.processes)]
        shutil.rmtree(self.folder, ignore_errors=True)
        return codes

    def connect(self, source="127.0.0.1", certificate=None, alpn="h2", to=None):
        """A connection with TLS, and nothing said on it yet."""
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        if alpn:
            context.set_alpn_protocols([alpn])
        if certificate:
            context.load_cert_chain(self.path(certificate + ".pem"), self.path(certificate + ".key"))
        raw = self.connect_plain(source, to)
        return context.wrap_socket(raw, server_hostname="localhost")

    def connect_plain(self, source="127.0.0.1", to=None):
        s = socket.create_connection(("127.0.0.1", (to or self.gateway).port), timeout=30,
                                     source_address=(source, 0))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s


WORLD = None


class Client:
    """An HTTP/2 client that keeps the rules."""

    def __init__(self, **how):
        self.socket = WORLD.connect(**how)
        self.h2 = h2.connection.H2Connection(
            config=h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.flush()

    def close(self):
        self.socket.close()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def begin(self, headers, path):
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [
            (":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "localhost"),
            ("content-type", "application/grpc"), ("te", "trailers"), *headers])
        self.h2.send_data(stream, EMPTY_MESSAGE, end_stream=True)
        return stream

    def call_all(self, calls, path=LIST, at_once=100):
        """The answers to calls with these headers, in their order."""
        waiting = collections.deque(enumerate(calls))
        answers = [Answer() for _ in calls]
        under_way = {}
        while waiting or under_way:
            while waiting and len(under_way) < at_once:
                number, headers = waiting.popleft()
                under_way[self.begin(headers, path)] = answers[number]
            self.flush()
            data = self.socket.recv(1 << 16)
            if not data:
                raise ConnectionError("the gateway has closed the connection")
            for event in self.h2.receive_data(data):
                stream = getattr(event, "stream_id", None)
                if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                    under_way[stream].fields.update(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
                elif isinstance(event, h2.events.StreamEnded):
                    under_way.pop(stream)
                elif isinstance(event, h2.events.StreamReset):
                    under_way.pop(stream).reset = event.error_code
                elif isinstance(event, h2.events.ConnectionTerminated):
                    raise ConnectionError("GOAWAY")
        return answers

    def call(self, *headers, path=LIST):
        return self.call_all([list(headers)], path)[0]


def bearer(token):
    return ("authorization", "Bearer " + token)


def is_readable(connection, seconds):
    poll = select.poll()  # select() knows no more than 1024 descriptors
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def has_ended(connection, seconds, send=None):
    """Whether the other side ends the connection within the time, however much
    more is sent."""
    end = time.monotonic() + seconds
    connection.settimeout(0.2)
    try:
        while time.monotonic() < end:
            if send is not None:
                with contextlib.suppress(TimeoutError, ssl.SSLWantWriteError):
                    connection.sendall(send)
            try:
                while True:
                    pending = getattr(connection, "pending", lambda: 0)()
                    wait = 0 if send is not None else 0.2
                    if not pending and not is_readable(connection, wait):
                        break
                    if not connection.recv(65536):
                        return True
            except (TimeoutError, ssl.SSLWantReadError):
                pass
    except (ConnectionError, ssl.SSLError, OSError):
        return True
    return False


class GatewayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.admin = WORLD.token("admin", "--validity", "24h")
        cls.mallory = WORLD.token("mallory", "--validity", "24h")
        cls.bystander = Client()

    @classmethod
    def tearDownClass(cls):
        cls.bystander.close()

    def assert_others_are_served(self):
        """One who was connected all the time, and one who comes now."""
        self.assertEqual(self.bystander.call(bearer(self.admin)).code, 0)
        with contextlib.closing(Client()) as newcomer:
            self.assertEqual(newcomer.call(bearer(self.admin)).code, 0)

    @contextlib.contextmanager
    def memory_stays(self):
        self.assert_others_are_served()
        before = WORLD.gateway.memory_kb()
        yield
        self.assert_others_are_served()
        end = time.monotonic() + 10
        while WORLD.gateway.memory_kb() > before + SLACK_KB and time.monotonic() < end:
            time.sleep(0.1)
        self.assertLessEqual(WORLD.gateway.memory_kb(), before + SLACK_KB)

    # Who calls.

    def bad_tokens(self):
        header, claims, signature = self.admin.split(".")
        fields = json.loads(unbase64url(header))
        with open(WORLD.path("token.jwks.json"), "rb") as file:
            key = json.load(file)["keys"][0]
        foreign = tempfile.mkdtemp(dir=WORLD.folder)

        def with_header(changes, sign=None):
            content = base64url(json.dumps({**fields, **changes}).encode()) + "." + claims
            return content + "." + (base64url(sign(content)) if sign else signature)

        secrets = [unbase64url(key["x"]), key["x"].encode(), json.dumps(key).encode()]
        administrator = json.loads(unbase64url(claims))
        stranger = WORLD.token("admin", folder=foreign).split(".")
        short = WORLD.token("admin", "--validity", "1s")
        time.sleep(1.1)
        return {
            "TOKEN_EXPIRED": [short],
            "TOKEN_AUDIENCE_WRONG": [WORLD.token("admin", "--audience", "other")],
            "TOKEN_ISSUER_WRONG": [WORLD.token("admin", "--issuer", "https://evil.example")],
            "TOKEN_ALGORITHM_REFUSED": [
                with_header({"alg": "none"}, lambda _: b""), with_header({"alg": "None"}),
                with_header({"alg": "RS256"}), with_header({"alg": "ES256"}),
                *(with_header({"alg": "HS256"},
                              lambda content, s=s: hmac.digest(s, content.encode(), hashlib.sha256))
                  for s in secrets)],
            "TOKEN_KEY_UNKNOWN": [".".join(stranger), with_header({"kid": "../../etc/passwd"}),
                                  with_header({"kid": "x' OR 1=1"})],
            "TOKEN_SIGNATURE_INVALID": [
                f"{header}.{claims}.{stranger[2]}",
                f"{header}.{self.mallory.split('.')[1]}.{signature}",
                f"{header}.{base64url(json.dumps({**administrator, 'exp': 9999999999}).encode())}"
                f".{signature}", f"{header}.{claims}.", f"{header}.{claims}.AAAA"],
            "TOKEN_EXTENSION_UNKNOWN": [with_header({"crit": ["exp"]})],
            "TOKEN_TYPE_REFUSED": [with_header({"typ": "caravan-identity+jwt"})],
            "TOKEN_TOO_LARGE": ["x" * 9000, "a." * 4500,
                                base64url(b'{"alg":"EdDSA","kid":"' + b"k" * 3000 + b'"}') + ".e30."],
            "TOKEN_MALFORMED": [
                "x", "..", "a.b.c", self.admin + "=", self.admin + ".", header + "." + claims,
                f"{base64url(b'[' * 1000)}.{claims}.{signature}",
                f"{base64url(b'{}')}.{claims}.{signature}",
                f"{base64url(unbase64url(header)[:-1] + b',' + unbase64url(header)[1:])}"
                f".{claims}.{signature}"],
        }

    def test_bad_tokens_by_the_thousand(self):
        bad = self.bad_tokens()
        calls = [(token, reason) for reason, tokens in bad.items() for token in tokens]
        client = Client()

        def attack(number):
            # Each but the expired and those signed elsewhere in ever new spellings,
            # so that no cache knows them.
            chosen = []
            for i in range(number):
                token, reason = calls[i % len(calls)]
                if reason in ("TOKEN_SIGNATURE_INVALID", "TOKEN_ALGORITHM_REFUSED"):
                    parts = token.split(".")
                    token = ".".join([*parts[:2], base64url(random.randbytes(64))])
                chosen.append((token, reason))
            answers = client.call_all([[bearer(token)] for token, _ in chosen])
            for (token, reason), answer in zip(chosen, answers):
                self.assertEqual((answer.code, answer.reason), (16, reason), token[:200])
                self.assertNotIn(token[-30:], answer.message) if len(token) > 30 else None

        attack(2000)  # what is kept of them is kept now
        with self.memory_stays():
            attack(4000)
        client.close()

    def test_nobody_gets_anothers_name(self):
        forged = ".".join(
            [base64url(b'{"alg":"none","typ":"caravan-identity+jwt"}'),
             base64url(json.dumps({"iss": "services/gateway", "sub": "users/admin",
                                   "aud": "services/zones", "exp": 9999999999}).encode()), ""])
        names = [("caravan-principal", "users/admin"), ("caravan-identity", forged),
                 ("x-forwarded-user", "admin"), ("x-forwarded-client-cert", "URI=spiffe://a")]
        client = Client()
        with_certificate = Client(certificate="mallory")
        self.addCleanup(client.close)
        self.addCleanup(with_certificate.close)
        self.assertEqual(client.call().reason, "CREDENTIALS_MISSING")
        for name in names:
            self.assertEqual(client.call(name).reason, "CREDENTIALS_MISSING", name)
            for answer in [client.call(bearer(self.mallory), name, path=CREATE),
                           client.call(name, bearer(self.mallory), path=CREATE),
                           with_certificate.call(name, path=CREATE)]:
                self.assertEqual(answer.reason, "PERMISSION_DENIED", name)
                self.assertIn("users/mallory", answer.message)
        answer = client.call(bearer(self.admin), bearer(self.mallory))
        self.assertEqual(answer.reason, "SEVERAL_CREDENTIALS")
        # A token says who; a certificate does not make a bad one good.
        self.assertEqual(with_certificate.call(bearer(self.admin)).code, 0)
        self.assertEqual(with_certificate.call(bearer("x.y.z")).reason, "TOKEN_MALFORMED")
        for scheme in ["Basic YWRtaW46YWRtaW4=", "Bearer", "Negotiate x", "bearer\t" + self.admin]:
            self.assertEqual(client.call(("authorization", scheme)).reason, "CREDENTIALS_MALFORMED")

    # HTTP/2.

    def open_raw(self):
        s = WORLD.connect()
        s.sendall(PREFACE + frame(SETTINGS, 0, 0))
        return s

    def request_block(self, *more, encoder=None):
        return (encoder or hpack.Encoder()).encode([
            (":method", "POST"), (":scheme", "https"), (":path", LIST), (":authority", "localhost"),
            ("content-type", "application/grpc"), ("te", "trailers"), *more])

    def test_large_headers(self):
        client = Client()
        for headers in [[(f"x-{i}", "a") for i in range(300)], [("x-a", "a" * 13_000)],
                        [bearer("x" * 100_000)]]:
            for _ in range(20):
                try:
                    answer = client.call(*headers)
                    self.assertEqual(answer.reason, "METADATA_TOO_LARGE")
                except (ConnectionError, ssl.SSLError):  # as good; but not for what comes near the limit
                    self.assertGreater(sum(len(v) for _, v in headers), 64_000)
                    client.close()
                    client = Client()
        client.close()

    def test_hpack_bombs(self):
        # A large field is put into the table once and named thousands of times:
        # some kilobytes become many megabytes.
        block = self.request_block() + b"\x40\x03x-a" + b"\x7f\xa1\x1e" + b"a" * 4000
        block += b"\xbe" * 12_000
        with self.memory_stays():
            for _ in range(30):
                with contextlib.closing(self.open_raw()) as s:
                    with contextlib.suppress(ConnectionError, ssl.SSLError):
                        for stream in range(1, 20, 2):
                            s.sendall(frame(HEADERS, END_HEADERS | END_STREAM, stream, block))
                    has_ended(s, 0.3)

    def test_endless_continuations(self):
        field = b"\x00\x03x-a\x7f\x81\x7d" + b"a" * 16_000
        with self.memory_stays():
            for _ in range(5):
                with contextlib.closing(self.open_raw()) as s:
                    s.sendall(frame(HEADERS, END_STREAM, 1, self.request_block()))
                    self.assertTrue(has_ended(s, 20, frame(CONTINUATION, 0, 1, field) * 8))

    def test_rapid_resets(self):
        def flood(s):
            encoder = hpack.Encoder()
            stream = 1
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                while stream < 40_000:
                    parts = []
                    for _ in range(200):
                        block = self.request_block(bearer(self.admin), encoder=encoder)
                        parts.append(frame(HEADERS, END_HEADERS, stream, block))
                        parts.append(frame(RST_STREAM, 0, stream, struct.pack(">I", 8)))
                        stream += 2
                    s.sendall(b"".join(parts))
            return stream

        with self.memory_stays():
            for _ in range(3):
                with contextlib.closing(self.open_raw()) as s:
                    self.assertTrue(flood(s) < 40_000 or has_ended(s, 20))
        self.assertEqual(WORLD.zones.process.poll(), None)

    def test_floods_of_frames_that_carry_nothing(self):
        floods = {
            "ping": frame(PING, 0, 0, b"12345678"),
            "settings": frame(SETTINGS, 0, 0),
            "priority": frame(PRIORITY, 0, 7, b"\0\0\0\0\x10"),
            "empty data": frame(DATA, 0, 1),
        }
        begin = frame(HEADERS, END_HEADERS, 1, self.request_block(bearer(self.admin)))
        with self.memory_stays():
            for name, one in floods.items():
                with contextlib.closing(self.open_raw()) as s:
                    s.sendall(begin)
                    self.assertTrue(has_ended(s, 20, one * 1000), name)
            # Those who receive much send many of these: they are only to cost little.
            with contextlib.closing(self.open_raw()) as s:
                s.sendall(begin)
                has_ended(s, 2, frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * 1000)

    def test_nonsense(self):
        random.seed(9113)
        with self.memory_stays():
            for i in range(200):
                with contextlib.closing(WORLD.connect_plain() if i % 2 else WORLD.connect()) as s:
                    start = [b"", PREFACE, PREFACE + frame(SETTINGS, 0, 0)][i % 3]
                    with contextlib.suppress(ConnectionError, ssl.SSLError):
                        s.sendall(start + random.randbytes(random.randrange(1, 4000)))
            for alpn, request in [("http/1.1", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), (None, b"x" * 99)]:
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    with contextlib.closing(WORLD.connect(alpn=alpn)) as s:
                        s.sendall(request)
                        self.assertTrue(has_ended(s, 10))

    # Connections.

    def test_a_request_may_come_with_the_end_of_the_handshake(self):
        context = ssl.create_default_context(cafile=WORLD.path("ca.pem"))
        context.set_alpn_protocols(["h2"])
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with contextlib.closing(WORLD.connect_plain()) as s:
            while True:
                with contextlib.suppress(ssl.SSLWantReadError):
                    tls.do_handshake()
                    break
                s.sendall(outgoing.read())
                incoming.write(s.recv(65536))
            tls.write(PREFACE + frame(SETTINGS, 0, 0) + frame(
                HEADERS, END_HEADERS, 1, self.request_block(bearer(self.admin))) + frame(
                    DATA, END_STREAM, 1, EMPTY_MESSAGE))
            s.sendall(outgoing.read())
            # The gateway has it all, and is not told again that there is something.
            received = b""
            while HEADERS not in kinds_of_frames(received):
                data = s.recv(65536)
                self.assertTrue(data, "the gateway has closed the connection")
                incoming.write(data)
                with contextlib.suppress(ssl.SSLWantReadError):
                    while plain := tls.read(65536):
                        received += plain
    def test_slow_handshakes(self):
        hello = bytes.fromhex("16030100c8010000c40303") + b"a" * 30
        with self.memory_stays():
            slow = [WORLD.connect_plain(f"127.0.1.{i % 200 + 1}") for i in range(300)]
            for i, s in enumerate(slow):
                s.sendall(hello[:i % len(hello)])
            # TLS and then nothing, half a preface, and half a header.
            for say in [b"", PREFACE[:10], PREFACE + frame(SETTINGS, 0, 0) + frame(
                    HEADERS, END_STREAM, 1, self.request_block())]:
                for _ in range(20):
                    slow.append(WORLD.connect())
                    slow[-1].sendall(say)
            self.assert_others_are_served()
            for s in slow:
                self.assertTrue(has_ended(s, 20))
                s.close()

    def test_many_idle_connections(self):
        def hold():
            context = ssl.create_default_context(cafile=WORLD.path("ca.pem"))
            context.set_alpn_protocols(["h2"])
            held = []
            for i in range(CONNECTIONS):
                raw = WORLD.connect_plain(f"127.0.2.{i // 1000 + 1}")
                s = context.wrap_socket(raw, server_hostname="localhost")
                s.sendall(PREFACE + frame(SETTINGS, 0, 0))
                held.append(s)
            return held

        def release(held):
            for s in held:
                s.close()
            end = time.monotonic() + 30
            while (WORLD.gateway.metric("caravan_gateway_connections") > 10 and
                   time.monotonic() < end):
                time.sleep(0.1)
            self.assertLessEqual(WORLD.gateway.metric("caravan_gateway_connections"), 10)

        before = WORLD.gateway.memory_kb()
        held = hold()
        with_them = WORLD.gateway.memory_kb()
        self.assert_others_are_served()
        if not SANITIZED:
            self.assertLess((with_them - before) / CONNECTIONS, 64, "KB a connection")
        release(held)
        held = hold()
        self.assertLessEqual(WORLD.gateway.memory_kb(), with_them * 1.1 + SLACK_KB)
        release(held)
        self.assert_others_are_served()

    def test_one_address_cannot_take_all_connections(self):
        gateway = WORLD.start_gateway("--max-connections-per-address", "20")
        held = [WORLD.connect(to=gateway) for _ in range(20)]
        with self.assertRaises((ConnectionError, ssl.SSLError)):
            WORLD.connect(to=gateway)
        held.append(WORLD.connect(to=gateway, source="127.0.0.2"))
        held.pop(0).close()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                held.append(WORLD.connect(to=gateway))
                break
            except (ConnectionError, ssl.SSLError):
                time.sleep(0.05)
        self.assertEqual(len(held), 21)
        for s in held:
            s.close()


def main():
    global WORLD
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    # The settings of the tests are not those of a server.
    for name in [name for name in os.environ if name.startswith("CARAVAN_")]:
        del os.environ[name]
    WORLD = World()
    try:
        program = unittest.main(argv=[sys.argv[0], *sys.argv[3:]], exit=False, verbosity=2)
        passed = program.result.wasSuccessful()
    finally:
        codes = WORLD.close()
    if any(codes):
        print("the programs ended with", codes, file=sys.stderr)
    sys.exit(0 if passed and not any(codes) else 1)


if __name__ == "__main__":
    main()
