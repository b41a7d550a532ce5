"""A host that asks for a password before it answers its own API asks for it before it answers ours."""

import pytest

from tests.webui import fake_modules

fastapi = pytest.importorskip("fastapi")
testclient = pytest.importorskip("fastapi.testclient")
ROUTES = ("plan", "schema", "curve", "levels")


@pytest.fixture
def client():
    """Of an app whose options are guarded, as the hosts guard theirs, or not."""

    def made(guarded):
        fake_modules.install()
        from itermix.webui import api

        asked = fastapi.Depends(fastapi.security.HTTPBasic())

        def auth(credentials: fastapi.security.HTTPBasicCredentials = asked):
            if (credentials.username, credentials.password) != ("me", "secret"):
                raise fastapi.HTTPException(401)

        app = fastapi.FastAPI()
        guards = [fastapi.Depends(auth)] if guarded else []
        app.add_api_route("/sdapi/v1/options", lambda: {}, dependencies=guards)
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
