"""Certificates for servers on this machine, made by the `openssl` program."""

from __future__ import annotations

import subprocess
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


class Certificates:
    """An authority of our own, and a server's certificate that is good for 127.0.0.1 and for no name."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.authority: Path = directory / "authority.pem"
        self.server: Path = directory / "server.pem"
        self.key: Path = directory / "server.key"
        authority_key = directory / "authority.key"
        self._directory = directory
        self._signed = ("-CA", self.authority, "-CAkey", authority_key, "-addext", "basicConstraints=CA:FALSE")
        self._make("/CN=authority", authority_key, self.authority)
        self._make("/CN=server", self.key, self.server, *self._signed, "-addext", "subjectAltName=IP:127.0.0.1")

    def client(self, name: str) -> tuple[Path, Path]:
        """Make a client's certificate, and return it and its key."""
        certificate, key = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        self._make(f"/CN={name}", key, certificate, *self._signed)
        return certificate, key

    def _make(self, subject: str, key: Path, certificate: Path, *more: str | Path) -> None:
        command = ("openssl", "req", "-x509", *_KEY, "-subj", subject, "-keyout", key, "-out", certificate, *more)
        subprocess.run(command, check=True, capture_output=True)
