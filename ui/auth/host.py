"""The `Host` header: a name or an address, and perhaps a port. Anything else could end up in a URL's path."""

from __future__ import annotations

import re

from starlette.datastructures import Headers

from index.errors import JawabError

_HOST = re.compile(r"(?:[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")


class HostInvalid(JawabError):
    """The request's `Host` header is no host name or address, or it has several."""

    code = "host_invalid"


def check_host(headers: Headers) -> None:
    """Raises `HostInvalid`. A request without the header passes."""
    given = headers.getlist("host")
    if len(given) > 1 or not all(_HOST.fullmatch(host) for host in given):
        raise HostInvalid()
