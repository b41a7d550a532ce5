"""A host that asks for a password before it answers its own API asks for it before it answers ours."""

from pathlib import Path

import pytest

from tests.webui import fake_modules

fastapi = pytest.importorskip("fastapi")
testclient = pytest.importorskip("fastapi.testclient")
ROUTES = ("plan", "schema", "curve", "levels")
PAGE = "/itermix/v1/page/levels"
SCRIPTS = Path(__file__).parents[2] / "javascript"


@pytest.fixture
def client():
    """Of an app whose options are guarded, as the hosts guard theirs, or not; its page by a cookie, as gradio's is."""

    def logged_in(request: fastapi.Request):
        if request.cookies.get("access-token") != "known":
            raise fastapi.HTTPException(401)

    def made(guarded, has_page=True, has_api=True):
        fake_modules.install()
        from itermix.webui import api

        asked = fastapi.Depends(fastapi.security.HTTPBasic())

        def auth(credentials: fastapi.security.HTTPBasicCredentials = asked):
            if (credentials.username, credentials.password) != ("me", "secret"):
                raise fastapi.HTTPException(401)

        app = fastapi.FastAPI()
        guards = [fastapi.Depends(auth)] if guarded else []
        if has_api:
            app.add_api_route("/sdapi/v1/options", lambda: {}, dependencies=guards)
        if has_page:
            app.add_api_route("/file={path_or_url:path}", lambda: {}, dependencies=[fastapi.Depends(logged_in)])
        api.add_routes(app)
        return testclient.TestClient(app)

    return made


@pytest.mark.parametrize("route", ROUTES)
def test_with_the_hosts_password_alone(client, route):
    guarded = client(True)
    assert guarded.get(f"/itermix/v1/{route}").status_code == 401
    assert guarded.get(f"/itermix/v1/{route}", auth=("me", "wrong")).status_code == 401
    assert guarded.get(f"/itermix/v1/{route}", auth=("me", "secret")).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
def test_without_one_where_the_host_has_none(client, route):
    assert client(False).get(f"/itermix/v1/{route}").status_code == 200


def test_the_page_needs_no_password_of_the_api(client):
    """The curve asks with what the browser has: the cookie of the page's own login."""
    app = client(True)
    assert app.get(PAGE).status_code == 401
    app.cookies.set("access-token", "known")
    assert app.get(PAGE).status_code == 200
    assert app.get("/itermix/v1/levels").status_code == 401


def test_without_a_page_its_route_is_the_apis(client):
    app = client(True, has_page=False)
    app.cookies.set("access-token", "known")
    assert app.get(PAGE).status_code == 401
    assert app.get(PAGE, auth=("me", "secret")).status_code == 200


@pytest.mark.parametrize("route", [*ROUTES, "page/levels"])
def test_without_an_api_they_are_the_pages_own(client, route):
    """--gradio-auth without --api: nobody is told the names of a user's presets who may not see the page."""
    app = client(False, has_api=False)
    assert app.get(f"/itermix/v1/{route}").status_code == 401
    app.cookies.set("access-token", "known")
    assert app.get(f"/itermix/v1/{route}").status_code == 200


def test_the_page_asks_for_nothing_else():
    """A route of the API would answer 401 there."""
    asked = [line for file in SCRIPTS.glob("*.js") for line in file.read_text().splitlines() if "fetch(" in line]
    assert len(asked) == 1 and f"fetch(`{PAGE[1:]}?" in asked[0]
