"""This module tells where a request comes from: from this machine, from a page of ours, and from whose address."""

import ipaddress
import os
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

_FORWARDED = {"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"}

PROXIES = "FORWARDED_ALLOW_IPS"
"""Name of uvicorn's environment variable with the addresses of the proxies whose X-Forwarded-For it believes."""
UNNAMED_PROXY = "a proxy that is not named"


def from_this_machine(scope: Scope) -> bool:
    """Return whether a request comes from this machine itself, under a name of this machine and through no proxy.

    Both ends of the connection must be loopback. The name matters: another website may point a name of its own at
    127.0.0.1 and read what comes back ("DNS rebinding"). A proxy on this machine speaks for somebody else, so whoever
    uses one has to set a code.
    """
    headers = Headers(scope=scope)
    ends = (scope.get("client"), scope.get("server"))
    origins = headers.getlist("origin")
    return (
        all(end is not None and is_loopback(str(end[0])) for end in ends)
        and not forwarded(headers)
        and len(headers.getlist("host")) == 1
        and is_loopback_name(host_of(f"//{headers['host']}"))
        and all(is_loopback_name(host_of(origin)) for origin in origins)
    )


def sender(scope: Scope) -> str:
    """Return the address that sent a request, for counting what it does."""
    client = scope.get("client")
    return sender_of(Headers(scope=scope), str(client[0]) if client else None)


def sender_of(headers: Iterable[str], client: str | None) -> str:
    """Return the address behind a connection from `client` whose request had headers of these names; "" for none.

    uvicorn has put the address from X-Forwarded-For in place of a proxy's own, unasked where the proxy runs on this machine.
    But anybody can write that header. So it counts only where the proxy is named; all others who send it count as one.
    """
    if forwarded(headers) and os.environ.get(PROXIES, "*").strip() in ("", "*"):
        return UNNAMED_PROXY
    return client or ""


def forwarded(names: Iterable[str]) -> bool:
    """Return whether one of these header names says that a proxy passed the request on."""
    return any(name.lower() in _FORWARDED or name.lower().startswith("x-forwarded-") for name in names)


def host_of(url: str) -> str | None:
    """Return the host in an address, in lower case; None where there is none, or no valid one."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return None
    return None if parts.username or parts.password else parts.hostname


def is_loopback_name(name: str | None) -> bool:
    """Return whether a host's name is `localhost` or a loopback address."""
    return name is not None and (name == "localhost" or is_loopback(name))


def is_loopback(address: str) -> bool:
    """Return whether an address is in 127.0.0.0/8 or ::1, also where an IPv6 socket writes an IPv4 address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


def same_origin(scope: Scope) -> bool:
    """Return whether a request may come from a page of ours: False where a browser says that another site sent it.

    A sender that is no browser says nothing, and is believed.
    """
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if origin := headers.get("origin"):
        return urlsplit_netloc(origin) == host.lower()
    if site := headers.get("sec-fetch-site"):
        return site in ("same-origin", "none")
    referer = headers.get("referer")
    return referer is None or urlsplit_netloc(referer) == host.lower()


def urlsplit_netloc(url: str) -> str | None:
    """Return host and port as they stand in an address; None where the address cannot be read."""
    try:
        return urlsplit(url).netloc.lower() or None
    except ValueError:
        return None


def network_of(address: str) -> str:
    """Return the name under which an address is counted: an IPv6 address counts as its network.

    Everybody at home has 2⁶⁴ IPv6 addresses.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((int(ip), 64), strict=False))
