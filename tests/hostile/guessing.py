"""Guesses access codes and secret words by HTTP, as fast as it goes: `python -m tests.hostile.guessing [--seconds 20]`.

A server of its own with both codes. One address, then twenty, send wrong codes over many connections each; meanwhile
fifteen people, by turns pupils and teachers, sign in from an attacker's own address. Then somebody who knows the code tries
words for the name of somebody else. Printed: guesses heard a second, and who was let in after how long.
"""

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

import psutil

from tests.streamlit_server import Server

CODE, TEACHER_CODE = "k3x9-q2mv-7hd3", "w8ru-4nzc-e6tb"
PEOPLE = 15
DAY_S = 86_400


async def post(server: Server, address: str, fields: dict[str, str]) -> int:
    """One form over a connection of its own; returns the status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(address, 0))
    try:
        return await ask(server, reader, writer, fields)
    finally:
        writer.close()


async def ask(
    server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fields: dict[str, str]
) -> int:
    """One form over an open connection; returns the status."""
    body = urlencode(fields).encode()
    writer.write(
        f"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else 0
    await reader.readexactly(length)
    return int(head.split()[1])


async def guess(server: Server, address: str, until: float, fields: dict[str, str], heard: Counter[int]) -> None:
    """One connection that guesses until a moment; counts the statuses."""
    number = 0
    while time.monotonic() < until:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(address, 0))
            while time.monotonic() < until:
                number += 1
                given = {name: value.replace("#", f"{id(reader)}-{number}") for name, value in fields.items()}
                heard[await ask(server, reader, writer, given)] += 1
        except (OSError, asyncio.IncompleteReadError):
            heard[0] += 1
            await asyncio.sleep(0.1)


async def arrive(server: Server, address: str, seconds: float) -> list[tuple[int, float]]:
    """People who sign in one after another, each with a right code; returns their statuses and seconds."""
    found = []
    for number in range(PEOPLE):
        code = TEACHER_CODE if number % 5 == 4 else CODE
        began = time.monotonic()
        try:
            status = await post(server, address, {"code": code, "name": f"Person {address} {number} {began}"})
        except (OSError, asyncio.IncompleteReadError):
            status = 0
        found.append((status, time.monotonic() - began))
        await asyncio.sleep(max(0.0, seconds / PEOPLE - found[-1][1]))
    return found


async def codes(server: Server, addresses: int, connections: int, seconds: float) -> None:
    """The attack on the codes; prints its row."""
    heard: Counter[int] = Counter()
    assert server.process
    cpu = psutil.Process(server.process.pid)
    before_s = sum(cpu.cpu_times()[:2])
    until = time.monotonic() + seconds
    attack = [
        guess(server, f"127.0.1.{n + 1}", until, {"code": "wrong-#", "name": "Eve"}, heard)
        for n in range(addresses)
        for _ in range(connections)
    ]
    _, people = await asyncio.gather(asyncio.gather(*attack), late(server, seconds))
    let_in = [took for status, took in people if status == 303]
    rate = heard[403] / seconds
    print(f"{addresses} x {connections} connections: {rate:.1f} codes heard a second, {rate * DAY_S:,.0f} a day")
    cost_ms = 1000 * (sum(cpu.cpu_times()[:2]) - before_s) / max(1, heard[403])
    print(f"    answers: {statuses(heard)}; {cost_ms:.2f} ms of the server's CPU each, all else that it does included")
    print(f"    right codes let in: {len(let_in)} of {len(people)}, the slowest after {max(let_in, default=0):.1f} s")


def statuses(heard: Counter[int]) -> str:
    """How often each was answered."""
    return ", ".join(f"{number} x {status}" for status, number in sorted(heard.items()))


async def late(server: Server, seconds: float) -> list[tuple[int, float]]:
    """Those who come when the attack has begun, from the first attacker's address."""
    await asyncio.sleep(2)
    return await arrive(server, "127.0.1.1", seconds - 2)


async def words(server: Server, addresses: int, connections: int, seconds: float) -> None:
    """The attack on Ada's word by somebody who knows the code; prints its row."""
    await post(server, "127.0.2.1", {"code": CODE, "name": "Ada", "word": "swan"})
    heard: Counter[int] = Counter()
    until = time.monotonic() + seconds
    fields = {"code": CODE, "name": "Ada", "word": "#", "again": "Ada"}
    await asyncio.gather(
        *(guess(server, f"127.0.3.{n + 1}", until, fields, heard) for n in range(addresses) for _ in range(connections))
    )
    made, wrong = heard[303] / seconds, heard[409]
    print(
        f"{addresses} x {connections} connections, words for Ada: {made:.1f} a second make a person; {statuses(heard)}"
    )
    print(f"    refused as wrong: {wrong}, not looked at: {heard[429]}, in {seconds:.0f} s")


def main() -> None:
    """Start a server and attack it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, default=30, help="of one address; of each of twenty, half as many")
    asked = parser.parse_args()
    for attack in (codes, words):
        for addresses in (1, 20):
            variables = {"CNNLAB_ACCESS_CODE": CODE, "CNNLAB_TEACHER_CODE": TEACHER_CODE}
            with tempfile.TemporaryDirectory() as home, Server(Path(home), variables=variables) as server:
                connections = asked.connections if addresses == 1 else max(1, asked.connections // 2)
                asyncio.run(attack(server, addresses, connections, asked.seconds))


if __name__ == "__main__":
    main()
