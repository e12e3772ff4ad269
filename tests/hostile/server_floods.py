"""Run as a script: floods a dashboard of its own with uploads, or with half-sent requests, and prints what becomes of it.

python -m tests.hostile.server_floods uploads
python -m tests.hostile.server_floods half-sent
"""

import asyncio
import http.client
import re
import resource
import socket
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.dashboard.streamlit_client import XSRF, Tab
from cnnlab.app_config import PROJECT
from tests.streamlit_server import Server

FILES, FILE_BYTES = 100, 8_000_000
CONNECTIONS = 1_100
LEAVE_S = 75.0
"""After a page is closed, until it is looked whether its files are gone."""
SOFT_LIMIT = 1_024
"""Open files that a system lets a program have unless it asks for more."""


def put(server: Server, session: str, name: str, token: str) -> int:
    """Send a file into a page, and return the status; 0 where the server ended the connection."""
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'.encode()
    body = head + bytes(FILE_BYTES) + b"\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x", "X-Xsrftoken": token, "Cookie": f"{XSRF}={token}"}
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    try:
        connection.request("PUT", f"/_stcore/upload_file/{session}/{name}", body, headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def kept_mb(server: Server) -> float:
    """What Streamlit keeps of uploaded files, by its own count, in megabytes."""
    with urllib.request.urlopen(f"{server.url}/_stcore/metrics", timeout=60) as answer:
        text = answer.read().decode()
    return (
        sum(float(size) for size in re.findall(r"cache_memory_bytes\{[^}]*UploadedFileManager[^}]*\} ([\d.e+]+)", text))
        / 1e6
    )


def memory_mb(server: Server) -> float:
    """The memory of the server's process."""
    assert server.process
    return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{server.process.pid}/status").read_text())[0]) / 1e3


async def uploads(server: Server) -> None:
    """Many files into one page; one into a page that nobody has open; then the page is closed."""
    tab = Tab(server.url, "home", "")
    await tab.open()
    while not tab._session:
        await asyncio.sleep(0.1)
    token = await asyncio.to_thread(tab._cookie)
    print(f"at rest: {memory_mb(server):.0f} MB of memory, {kept_mb(server):.0f} MB of files")
    answers = [await asyncio.to_thread(put, server, tab._session, f"file-{number}", token) for number in range(FILES)]
    print(f"{FILES} files of {FILE_BYTES / 1e6:.0f} MB: {dict(Counter(answers))}; ", end="")
    print(f"{memory_mb(server):.0f} MB of memory, {kept_mb(server):.0f} MB of files")
    print(f"into a page that nobody has open: {await asyncio.to_thread(put, server, 'x' * 36, 'file', token)}")
    await tab.close()
    await asyncio.sleep(LEAVE_S)
    await asyncio.sleep(6)  # Streamlit's count is that old at most
    print(f"{LEAVE_S:.0f} s after the page was closed: {kept_mb(server):.0f} MB of files")


def half_sent(server: Server) -> None:
    """Many connections with half a request, all from here, and whether anybody else is answered."""
    held = []
    for _ in range(CONNECTIONS):
        held.append(socket.create_connection(("127.0.0.1", server.port), 10))
        held[-1].sendall(b"GET / HTTP/1.1\r\nHost: local")
    assert server.process
    for wait_s in (0, 2, 20):
        time.sleep(wait_s)
        files = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
        began = time.monotonic()
        try:
            with urllib.request.urlopen(f"{server.url}/health", timeout=15) as answer:
                said = f"{answer.status} after {time.monotonic() - began:.2f} s"
        except OSError as error:
            said = f"no answer within 15 s ({error})"
        print(f"{wait_s} s later: the server has {files} files open; /health: {said}")
    for connection in held:
        connection.close()


def main(what: str) -> None:
    """Start a dashboard as a system starts programs, and flood it."""
    with tempfile.TemporaryDirectory(prefix="cnnlab-flood-") as home:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT_LIMIT, hard))  # inherited by the server
        server = Server(Path(home), PROJECT / "streamlit_app.py")
        with server:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            if what == "uploads":
                asyncio.run(uploads(server))
            else:
                half_sent(server)


if __name__ == "__main__":
    main(sys.argv[1])
