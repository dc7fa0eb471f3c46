"""After all the others: nothing of what was said and no secret is anywhere in what Mirk wrote, and the ledger adds up."""

import base64
import json
import re

import pytest

pytestmark = pytest.mark.last
# The other tests make keys of their own.
ANY_KEY = re.compile(rb"mrk_[lt][upm]_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}")


def forms(text):
    """The ways a text may stand in a file: as it is, in UTF-16, in hex, and in base64 at each of its three places."""
    raw = text.encode()
    yield raw.lower()
    yield text.encode("utf-16-le").lower()
    yield raw.hex().encode()
    for shift in range(3):
        # The first and last characters depend on what stands around the text.
        yield base64.b64encode(b"\0" * shift + raw)[4:-4].lower()
        yield base64.urlsafe_b64encode(b"\0" * shift + raw)[4:-4].lower()


def search(folder, markers):
    """Every (what, file) where a marker is found in a name or in bytes; and how many files were read."""
    found, read = [], 0
    for path in folder.rglob("*"):
        kept = str(path.relative_to(folder)).encode()
        if path.is_file():
            kept += b"\n" + path.read_bytes()
            read += 1
        kept = kept.lower()
        found += [(what, path.name) for what, text in markers.items() if any(form in kept for form in forms(text))]
    return found, read


def test_the_search_finds_what_is_there(tmp_path, mirk):
    for number, text in enumerate(mirk.markers.values()):
        whole = f"before {text} after"
        for name, kept in (
            ("plain", whole.encode()),
            ("upper", whole.upper().encode()),
            ("wide", whole.encode("utf-16-le")),
            ("hex", whole.encode().hex().encode()),
            ("base64", base64.b64encode(b"x" * number + whole.encode())),
        ):
            (tmp_path / f"{name}-{number}").write_bytes(kept)
    found, read = search(tmp_path, mirk.markers)
    assert read == 5 * len(mirk.markers)
    assert {file for _, file in found} == {path.name for path in tmp_path.iterdir()}
    assert {what for what, _ in found} == set(mirk.markers)
    assert ANY_KEY.search(mirk.key.encode())


def test_nothing_is_kept_while_it_runs_and_after_it_has_stopped(mirk):
    if mirk.rows() == 0:
        pytest.skip("no other test ran, so there is nothing to find")
    usage = mirk.usage()
    for is_running in (True, False):
        if not is_running:
            assert mirk.stop_server() == 0
        found, read = search(mirk.data, mirk.markers)
        assert read >= 2, "the data folder was read"
        assert found == []
        # The search reads what is really kept: a model's name is.
        kept = b"".join(path.read_bytes() for path in mirk.data.rglob("*") if path.is_file())
        assert b"gpt-5.4" in kept or b"claude-opus-5-5" in kept or b"gemini-2.5-flash" in kept
        assert ANY_KEY.search(kept) is None
    log = mirk.log.read_bytes().lower()
    assert b"listening" in log
    assert ANY_KEY.search(mirk.log.read_bytes()) is None
    assert [what for what, text in mirk.markers.items() if any(form in log for form in forms(text))] == []
    config = mirk.home / ".config"
    assert search(config, mirk.markers)[0] == []
    # Without a server the commands read the folder itself, and it says the same.
    assert mirk.usage() == usage


def test_the_sums_agree_whichever_way_they_are_grouped(mirk):
    sums = []
    for by in ("day", "provider", "model", "key"):
        groups = json.loads(mirk.mirk("usage", "--json", "--by", by))["usage"]
        sums.append({name: sum(group[name] for group in groups) for name in (
            "requests", "succeeded", "input_tokens", "cached_tokens", "output_tokens", "cost_nano_usd")})
    assert sums[0] == sums[1] == sums[2] == sums[3]


def test_the_audit_log_is_whole_and_names_what_was_done(mirk):
    mirk.mirk("audit", "verify", "--json")
    shown = mirk.mirk("audit", "list", "--json")
    assert "provider.add" in shown and "key.create" in shown
    assert [what for what, text in mirk.markers.items() if text in shown] == []
