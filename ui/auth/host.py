"""Validation of the `Host` header: a name or address with an optional port. Anything else could reach a URL's path."""

from __future__ import annotations

import re

from starlette.datastructures import Headers

from ui.errors import RequestError

_HOST = re.compile(r"(?:[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")


class HostInvalid(RequestError):
    """The `Host` header is not a host name or address, or occurs more than once."""

    code = "host_invalid"
    status = 400


def check_host(headers: Headers) -> None:
    """Validate the `Host` header; a missing one passes. Raises `HostInvalid`."""
    given = headers.getlist("host")
    if len(given) > 1 or not all(_HOST.fullmatch(host) for host in given):
        raise HostInvalid()
