"""A Mirk installation in a temporary folder, and the simulated provider behind it.

Every process is started with an environment written from nothing: no key, proxy or setting of the machine that runs
the tests reaches a client. What a client would send anywhere but to loopback goes to `Trap`, a proxy that connects
to nothing and remembers who asked.
"""

import base64
import json
import os
import secrets
import socket
import subprocess
import threading
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
NODE_MODULES = HERE / "node_modules"
# Seconds that one command of `mirk`, or its start, may take.
PATIENCE = 30


def binary() -> Path:
    """The program under test: MIRK_BIN, else the newer of the release and the debug build."""
    if named := os.environ.get("MIRK_BIN"):
        return Path(named).resolve()
    built = [REPOSITORY / "target" / profile / "mirk" for profile in ("release", "debug")]
    built = [path for path in built if path.is_file()]
    if not built:
        raise FileNotFoundError("there is no mirk to test: run `cargo build -p mirk` or set MIRK_BIN")
    return max(built, key=lambda path: path.stat().st_mtime)


class Trap:
    """A proxy on loopback that refuses everything and keeps the first line of each request."""

    def __init__(self):
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._refuse, daemon=True).start()

    def _refuse(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    self.asked.append(connection.recv(4096).split(b"\r\n")[0].decode("latin-1"))
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
                except OSError:
                    pass

    def close(self):
        self._listener.close()


class Installation:
    """The running pair, and what was planted in it: see `markers`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.home = folder / "home"
        self.data = folder / "data"
        self.log = folder / "mirk.log"
        self.binary = binary()
        self.trap = Trap()
        self.prompt = f"promptmark{secrets.token_hex(12)}"
        self.completion = f"completionmark{secrets.token_hex(12)}"
        self.credential = f"sim-credentialmark{secrets.token_hex(12)}"
        self.key = self.url = self.sim = ""
        self._processes: list[subprocess.Popen] = []
        self._server: subprocess.Popen | None = None
        self.home.mkdir()

    def environment(self, **more: str) -> dict[str, str]:
        """What a process is started with, and nothing else."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_DATA_HOME": str(self.home / ".local/share"),
            "LANG": "C.UTF-8",
            "HTTP_PROXY": self.trap.url,
            "HTTPS_PROXY": self.trap.url,
            "http_proxy": self.trap.url,
            "https_proxy": self.trap.url,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        } | more

    @property
    def markers(self) -> dict[str, str]:
        """Every text that Mirk must not keep, by what it is."""
        return {
            "prompt": self.prompt,
            "completion": self.completion,
            "credential": self.credential,
            "key": self.key,
            "key's secret": self.key.split("_")[3],
        }

    # --- bringing up and taking down ---

    def start(self):
        self.sim = self._serve("sim", "--listen", "127.0.0.1:0", "--json")["url"]
        for kind in ("openai", "anthropic", "gemini"):
            self.mirk(
                "provider", "add", kind, "--kind", kind, "--base-url", self.base(kind), "--secret", "env:CREDENTIAL",
                CREDENTIAL=self.credential,
            )
        # A provider that is there but switched off, for what must not go anywhere.
        self.mirk("provider", "add", "asleep", "--kind", "ollama", "--base-url", self.sim)
        self.mirk("provider", "disable", "asleep")
        self.key = json.loads(self.mirk("key", "create", "--label", "t", "--json"))["key"]
        self.url = self._serve("serve", "--listen", "127.0.0.1:0", "--json")["url"]
        self._server = self._processes[-1]

    def stop_server(self):
        """Ends `mirk serve` as a service manager does, and gives its exit code."""
        self._server.terminate()
        return self._server.wait(PATIENCE)

    def stop(self):
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            process.stdout.close()
        self.trap.close()

    def _serve(self, *arguments: str) -> dict:
        """Starts what goes on running, and reads its ready line."""
        data = [] if arguments[0] == "sim" else ["--data-dir", str(self.data)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [self.binary, *arguments, *data], env=self.environment(), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log, cwd=self.folder,
            )
        self._processes.append(process)
        timer = threading.Timer(PATIENCE, process.kill)
        timer.start()
        line = process.stdout.readline()
        timer.cancel()
        if not line:
            raise RuntimeError(f"mirk {arguments[0]} ended with {process.wait()}: {self.log.read_text()[-2000:]}")
        ready = json.loads(line)
        assert ready["event"] == "ready"
        return ready

    def other_sim(self, dialect: str) -> str:
        """Another simulated provider, which speaks this dialect alone; its base URL."""
        return self._serve("sim", "--listen", "127.0.0.1:0", "--speaks", dialect, "--json")["url"]

    def base(self, kind: str) -> str:
        """The simulated provider's base URL as one writes it for this kind."""
        return self.sim + ("/v1" if kind == "openai" else "")

    # --- asking it ---

    def mirk(self, *arguments: str, **environment: str) -> str:
        """Runs one command and gives what it printed; an exit code other than 0 is an error."""
        done = subprocess.run(
            [self.binary, *arguments, "--data-dir", str(self.data)], env=self.environment(**environment),
            capture_output=True, text=True, timeout=PATIENCE, cwd=self.folder,
        )
        if done.returncode != 0:
            raise RuntimeError(f"mirk {' '.join(arguments[:2])} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def usage(self) -> dict:
        return json.loads(self.mirk("usage", "--json"))

    def rows(self) -> int:
        """The exchanges in the ledger."""
        return self.usage()["requests"]

    def received(self) -> list[dict]:
        """The requests that reached the simulated provider since `forget`, bodies decoded."""
        requests = json.loads(self._ask_sim("GET", "/_sim/requests"))["requests"]
        for request in requests:
            request["body"] = base64.b64decode(request["body"])
            request["headers"] = [tuple(header) for header in request["headers"]]
        return requests

    def forget(self):
        self._ask_sim("DELETE", "/_sim/requests")

    def run(self, command: list, environment: dict[str, str], **more) -> subprocess.CompletedProcess:
        """Runs a client with nothing on its standard input, in an empty folder of its own unless told."""
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        asked = {"cwd": work, "stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 90} | more
        return subprocess.run(command, env=self.environment(**environment), **asked)

    def script(self, status: int, headers: dict[str, str], body: str):
        """The simulated provider answers its next request with this."""
        chunk = {"base64": base64.b64encode(body.encode()).decode()}
        answer = {"status": status, "headers": list(headers.items()), "chunks": [chunk]}
        self._ask_sim("POST", "/_sim/script", json.dumps(answer).encode())

    def _ask_sim(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(self.sim + path, data=body, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PATIENCE) as answer:
            return answer.read()

    # --- what is said through it ---

    def says(self, more: str = "") -> str:
        """A prompt that carries its marker and is answered with the completion's."""
        return f'{self.prompt} reply with "{self.completion}{more}"'

    def calls(self, tool: str, arguments: dict) -> str:
        """A prompt that carries its marker and makes the model call a tool."""
        return f"{self.prompt} use tool {tool} {json.dumps(arguments)}"
