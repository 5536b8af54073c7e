"""The programs that bench-gateway starts: a Redis with its list kept short, the gateway, webdis."""
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TICKS = os.sysconf("SC_CLK_TCK")
TRIM_S = 0.1
running = []


def start(args, log, env=None):
    running.append(subprocess.Popen(args, stdout=log, stderr=log, cwd=ROOT, env=env,
                                    start_new_session=True))
    return running[-1]


def call(args, stdin=None):
    done = subprocess.run(args, stdin=stdin, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bench-gateway: {' '.join(args)}: {done.stdout}{done.stderr}")
    return done.stdout


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"bench-gateway: waited in vain for {what}")
        time.sleep(0.005)


def answers(url):
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except OSError:
        return False


def cpu_s(pid):
    """Of a process with all its threads, and of its living children."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        children = file.read().split()
    return (int(fields[11]) + int(fields[12])) / TICKS + sum(cpu_s(child) for child in children)


class Program:
    def __init__(self, args, log, env=None):
        self.process = start(args, log, env)

    def cpu_s(self):
        return cpu_s(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


class Redis(Program):
    list = "newsmill:articles"

    def __init__(self, folder, aof):
        self.port = free_port()
        keeping = ["--appendonly", "no"] if aof == "off" else ["--appendonly", "yes", "--appendfsync", aof]
        folder = os.path.join(folder, f"redis-{aof}")
        os.mkdir(folder)
        with open(os.path.join(folder, "log"), "w", encoding="utf-8") as log:
            # The log is compacted between two measurements, not in one.
            super().__init__(["deploy/redis-server", "redis.conf", "--port", str(self.port), "--dir", folder,
                              "--auto-aof-rewrite-percentage", "0", *keeping], log)
        self.socket = None
        wait_for("redis", self.connect)
        self.aof = aof != "off"

    def connect(self):
        with contextlib.suppress(OSError):
            self.socket = socket.create_connection(("127.0.0.1", self.port))
            self.answers = self.socket.makefile("rb")
            return True

    def ask(self, *words):
        """One command; the answer's first line, or a list of them."""
        text = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        self.socket.sendall(f"*{len(words)}\r\n{text}".encode())
        return self.read()

    def read(self):
        line = self.answers.readline()
        if line[:1] == b"*":
            return [self.read() for _ in range(int(line[1:]))]
        if line[:1] == b"$":
            return self.answers.read(int(line[1:]) + 2)[:-2]
        if line[:1] == b"-":
            sys.exit(f"bench-gateway: Redis: {line}")
        return line[1:-2]

    def settle(self):
        """Empty, compacted, and nothing under way: a gateway ends a bulk whose client is gone."""
        self.ask("UNLINK", self.list)
        time.sleep(2 * TRIM_S)
        while self.ask("LLEN", self.list) != b"0":
            self.ask("UNLINK", self.list)
            time.sleep(2 * TRIM_S)
        if self.aof:
            wait_for("the log's rewriting", lambda: b"aof_rewrite_in_progress:0" in self.ask("INFO", "persistence"))
            self.ask("BGREWRITEAOF")
            wait_for("the log's rewriting", lambda: b"aof_rewrite_in_progress:0" in self.ask("INFO", "persistence"))
        wait_for("freed memory", lambda: b"lazyfree_pending_objects:0" in self.ask("INFO", "memory"))

    @contextlib.contextmanager
    def trimmed(self):
        """Empties the list again and again, as workers do, and counts what was in it."""
        ended = threading.Event()
        trimmed = threading.Thread(target=lambda: self.trim(trimmed, ended))
        trimmed.count = 0
        trimmed.start()
        yield trimmed
        ended.set()
        trimmed.join()

    def trim(self, trimmed, ended):
        last = False
        while not last:
            last = ended.wait(TRIM_S)
            self.ask("MULTI")
            self.ask("LLEN", self.list)
            self.ask("UNLINK", self.list)
            trimmed.count += int(self.ask("EXEC")[0])


class Gateway(Program):
    def __init__(self, build, folder, redis, processes):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        keys = os.path.join(folder, f"keys-{port}")
        self.key = call([os.path.join(build, "newsmill"), "key", "new", "bench", "--file", keys]).split()[-1]
        env = os.environ | {"NEWSMILL_REDIS_URL": f"redis://127.0.0.1:{redis.port}",
                            "NEWSMILL_GATEWAY_PORT": str(port), "NEWSMILL_GATEWAY_KEYS_FILE": keys}
        if processes:
            env["NEWSMILL_GATEWAY_PROCESSES"] = processes
        with open(os.path.join(folder, "gateway.log"), "a", encoding="utf-8") as log:
            super().__init__([os.path.join(build, "newsmill-gateway")], log, env)
        wait_for("the gateway", lambda: answers(self.url + "/readyz"))


class Webdis(Program):
    def __init__(self, path, folder, redis, threads):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        settings = os.path.join(folder, f"webdis-{port}.json")
        with open(settings, "w", encoding="utf-8") as file:
            json.dump({"redis_host": "127.0.0.1", "redis_port": redis.port, "redis_auth": None,
                       "http_host": "127.0.0.1", "http_port": port, "threads": threads, "daemonize": False,
                       "database": 0, "verbosity": 0,
                       "logfile": os.path.join(folder, f"webdis-{port}.log")}, file)
        with open(os.path.join(folder, "webdis.log"), "a", encoding="utf-8") as log:
            super().__init__([path, settings], log)
        wait_for("webdis", lambda: answers(self.url + "/PING"))
