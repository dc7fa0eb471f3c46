"""One installation for the whole run, and what must hold around every single test."""

import os
import socket

import pytest

from installation import Installation

PASSED = pytest.StashKey[bool]()


def pytest_configure(config):
    config.addinivalue_line("markers", "rows(n): the test makes exactly n ledger rows, not one for each upstream request")
    config.addinivalue_line("markers", "last: the test runs after all others")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


def pytest_report_header():
    return "every client talks to a temporary Mirk in front of a simulated provider; nothing leaves loopback"


@pytest.fixture(scope="session", autouse=True)
def only_loopback():
    """In this process a connection to any other address is an error, and no proxy or key is inherited."""
    connect = socket.socket.connect

    def checked(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1"):
            raise PermissionError("a client tried to leave loopback")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.lower().endswith("_proxy") or name.startswith(("OPENAI_", "ANTHROPIC_", "GEMINI_", "GOOGLE_")):
                patch.delenv(name)
        patch.setattr(socket.socket, "connect", checked)
        yield


@pytest.fixture(scope="session")
def mirk(tmp_path_factory, only_loopback):
    """The installation, up; its processes are ended also when it did not come up."""
    installation = Installation(tmp_path_factory.mktemp("mirk"))
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.stash[PASSED] = report.passed
    return report


@pytest.fixture(autouse=True)
def each_request_is_counted_and_clean(request, mirk):
    """After a test: one row for each request, the credential in place of the key, and nothing sent elsewhere."""
    if request.node.get_closest_marker("last"):
        yield
        return
    mirk.forget()
    before = mirk.rows()
    yield
    if not request.node.stash.get(PASSED, False):
        return
    received = mirk.received()
    for one in received:
        assert one["credential"] == mirk.credential, "another credential than the stored one went to the provider"
        whole = repr(one["headers"]).encode() + one["target"].encode() + one["body"]
        assert b"mrk_" not in whole, "a key went to the provider"
    marker = request.node.get_closest_marker("rows")
    assert mirk.rows() - before == (marker.args[0] if marker else len(received)), "rows in the ledger"
    assert mirk.trap.asked == [], "a client tried to reach something else than Mirk"


@pytest.fixture
def alone(mirk):
    """Adds a provider of its own for one model, so that a refused credential is set aside for no other test."""
    names = []

    def add(kind, model):
        names.append(f"alone-{kind}")
        mirk.mirk(
            "provider", "add", names[-1], "--kind", kind, "--base-url", mirk.base(kind), "--secret", "env:CREDENTIAL",
            "--models", model, CREDENTIAL=mirk.credential,
        )
        return model

    yield add
    for name in names:
        mirk.mirk("provider", "remove", name, "--yes")
