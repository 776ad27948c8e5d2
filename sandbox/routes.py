"""How the core's calls and the world controls are put into the app."""

from typing import Any

from sanic import Sanic

from sandbox.book import Book
from sandbox.core_gate import guarded
from sandbox.faults import Faults, Handler

Routes = tuple[tuple[str, str, Handler], ...]


def core_routes(app: Sanic[Any, Any], faults: Faults, door: tuple[dict[str, Any], Book], routes: Routes) -> None:
    """Below /core/v1, behind the signature and the core's faults."""
    for method, path, handler in routes:
        entry = faults.around("core", guarded(handler, *door))
        name = f"core_{method}_{handler.__qualname__.replace('.', '_')}".lower()
        app.add_route(entry, f"/core/v1{path}", methods=[method], name=name, unquote=True)


def world_routes(app: Sanic[Any, Any], routes: Routes) -> None:
    """Below /world, open to whoever reaches this machine."""
    for method, path, handler in routes:
        app.add_route(handler, f"/world{path}", methods=[method], name=f"world_{handler.__qualname__.replace('.', '_')}".lower())
