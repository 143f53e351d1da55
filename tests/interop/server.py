"""The loopback server as a process (examples/loopback.rs): it is told a line and answers with a line."""

import json
import subprocess

PATIENCE = 30


class Server:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        told = self._answer()
        self.address = told["dc"], told["host"], told["port"]
        self.alice = told["user"]
        self.keys = {name: bytes.fromhex(key) for name, key in told["keys"].items()}
        self.rsa = told["rsa"]

    def tell(self, line):
        """Says a line, of which the server's documentation says what it does."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self._answer()
        if "error" in answer:
            raise SystemExit(f"{line}: {answer['error']}")
        return answer

    def count(self, what):
        """How many messages it has accepted ("sent"), keys clients have made ("keys"), or
        how often they have asked for a difference ("differences")."""
        return self.tell("/count")[what]

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the server is gone")
        return json.loads(line)
