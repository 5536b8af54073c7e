"""A whole worker, from the list in Redis to the tally, as one more player of ner.py."""
import atexit
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

TIMES = 3  # the corpus is pushed so often a round, so that its ends weigh little
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"bench: waited {seconds} s for {what}")
        time.sleep(0.005)


class Worker:
    """The worker process has the measured core, Redis another one, where there is one."""

    def __init__(self, build, root, texts, core):
        self.name, self.runs, self.load_ms = "newsmill, Redis to tally", [], 0.0
        self.directory = tempfile.mkdtemp(prefix="newsmill-bench-")
        self.processes = []
        atexit.register(self.end)
        self.port = free_port()
        others = os.sched_getaffinity(0) - {core} or {core}
        redis = subprocess.Popen(
            [root / "deploy/redis-server", root / "redis.conf", "--port", str(self.port), "--dir",
             self.directory], stdout=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, others))
        self.processes.append(redis)
        wait_for(self.connect, "Redis")
        settings = {"REDIS_URL": f"redis://127.0.0.1:{self.port}", "STORE_KIND": "none",
                    "REDIS_STATE_DIR": self.directory, "WORKERS_METRICS_PORT": "0",
                    "WORKERS_PROCESSES": "1"}
        environment = {**os.environ, **{"NEWSMILL_" + k: v for k, v in settings.items()}}
        with open(f"{self.directory}/worker.log", "wb") as log:
            self.process = subprocess.Popen(
                [pathlib.Path(build) / "newsmill-workers"], stderr=log, env=environment, cwd=root,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.processes.append(self.process)
        with open(texts, encoding="utf-8") as file:
            items = [json.dumps({**json.loads(line), "publication": "bench"}) for line in file]
        self.articles = TIMES * len(items)
        push = [b"MULTI\r\n"] + [self.command("LPUSH", "newsmill:articles", i) for i in items] * TIMES
        self.push = b"".join(push + [b"EXEC\r\n"])
        self.worked = 0

    def connect(self):
        try:
            self.redis_file = socket.create_connection(("127.0.0.1", self.port)).makefile("rwb")
            return self.ask("PING") == "PONG"
        except OSError:
            return False

    def ask(self, *words):
        """One command on the connection; an array's answer is the list of its texts."""
        self.redis_file.write(self.command(*words))
        self.redis_file.flush()
        return self.answer()

    def answer(self):
        line = self.redis_file.readline().decode().strip()
        if line[0] == "*":
            return [self.answer() for _ in range(int(line[1:]))]
        if line[0] == "$" and line != "$-1":
            return self.redis_file.read(int(line[1:]) + 2).decode().strip()
        return "" if line == "$-1" else line[1:]

    @staticmethod
    def command(*words):
        parts = [word.encode() for word in words]
        return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)

    def cpu_s(self):
        """Of the supervisor and all its children."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        stats = [pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")")[-1].split()
                 for p in [str(pid), *children]]
        return sum(int(s[11]) + int(s[12]) for s in stats) / TICKS

    def stat(self, *fields):
        return sum(int(word or 0) for word in self.ask("HMGET", "newsmill:stats", *fields))

    def play(self):
        """WALL_S CPU_S ARTICLES, until the last few are claimed: the last flush waits for its time.
        """
        self.ask("DEL", "newsmill:results")
        self.worked += self.articles
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            cpu, wall = self.cpu_s(), time.perf_counter()
            s.sendall(self.push)
            wait_for(lambda: self.stat("claimed") == self.worked, "the articles to be claimed")
            wall, cpu = time.perf_counter() - wall, self.cpu_s() - cpu
        wait_for(lambda: self.stat("worked", "dead_in") == self.worked,
                 "the articles to be counted") # or dead, as an empty one is
        return [wall, cpu, self.articles]

    def end(self):
        while self.processes:
            process = self.processes.pop()
            process.terminate()
            process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
        return [0, 0]
