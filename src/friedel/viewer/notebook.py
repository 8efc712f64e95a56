"""The page in a notebook: below Jupyter's proxy where there is one, else as a link."""

import html
import json
import os
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from friedel.viewer.server import PageServer

HEIGHT_PX = 760
PROXY = "jupyter_server_proxy"


class Page:
    """A page that is being served; as the last line of a notebook's cell it shows itself. `close` ends it."""

    def __init__(self, path: Path | str, *, port: int = 0, allow_hosts: Iterable[str] = ()) -> None:
        self._server = PageServer(path, port=port, allow_hosts=allow_hosts)
        self._server.begin()

    @property
    def address(self) -> str:
        """Where the page is, for a browser on this computer."""
        return self._server.address

    @property
    def proxy_address(self) -> str:
        """The same below the notebook server that this process belongs to."""
        base = notebook_base().strip("/")
        return f"{'/' + base if base else ''}/proxy/{self._server.port}/?token={self._server.token}"

    def close(self) -> None:
        """End the server."""
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"friedel.view at {self.address}"

    def _repr_html_(self) -> str:
        direct = html.escape(self.address, quote=True)
        hint = html.escape(self._server.ssh)
        link = (
            f'<p><a href="{direct}" target="_blank" rel="noopener">Open the page in a tab</a> '
            f"(from another computer: <code>{hint}</code>)</p>"
        )
        if find_spec(PROXY) is None:
            return link
        source = html.escape(self.proxy_address, quote=True)
        style = f"width:100%;height:{HEIGHT_PX}px;border:0"
        return f'<iframe src="{source}" title="friedel" style="{style}"></iframe>{link}'


def notebook_base() -> str:
    """Where the notebook server's own addresses begin: by the hub, else by the server of this kernel."""
    hub = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    if hub:
        return hub
    parent = os.environ.get("JPY_PARENT_PID", "")
    servers = _running_servers()
    own = [server for server in servers if str(server.get("pid")) == parent]
    return str((own or servers or [{}])[0].get("base_url", "/"))


def _running_servers() -> list[dict[str, Any]]:
    """What notebook servers of this user wrote down about themselves."""
    if find_spec("jupyter_core") is None:
        return []
    folder = Path(import_module("jupyter_core.paths").jupyter_runtime_dir())
    found = []
    for file in sorted(folder.glob("jpserver-*.json"), key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        found += [values] if isinstance(values, dict) else []
    return found
