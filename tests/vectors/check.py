"""The vault's byte formats, read and written by another implementation.

    python3 tests/vectors/check.py                read vault-v1.json and from-python.json
    python3 tests/vectors/check.py FILE ...       read these files
    python3 tests/vectors/check.py --write FILE   write 20 vectors of our own, for the Rust test

Needs `cryptography` 45 or later, nothing else. Ends with 1 at the first thing that does not fit.
docs/formats.md says the same in prose. Every secret here is invented.
"""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import re
import secrets
import struct
import sys
import zlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN = re.compile(r"mrk_[lt][upm]_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})")
ROOT_ID = bytes(16)


# The formats.


def lp(*fields):
    return b"".join(struct.pack(">I", len(field)) + field for field in fields)


def hkdf(key, salt, info, length):
    return HKDF(algorithm=SHA512(), length=length, salt=salt, info=info).derive(key)


def binding(install, tenant, table, row, column, generation):
    fields = lp(install, tenant or b"", table.encode(), row, column.encode())
    return fields + struct.pack(">q", generation)


def encrypt(key, lead, bound, body):
    salt, nonce = os.urandom(16), os.urandom(12)
    derived = hkdf(key, salt, lead + salt, 64)
    header = lead + salt + derived[32:] + nonce
    return header + AESGCM(derived[:32]).encrypt(nonce, body, header + bound)


def decrypt(key, bound, blob):
    header, body = blob[:82], blob[82:]
    derived = hkdf(key, header[22:38], header[:38], 64)
    if not hmac.compare_digest(derived[32:], header[38:70]):
        raise ValueError("made with another key")
    return AESGCM(derived[:32]).decrypt(header[70:82], body, header + bound)


def pad(plaintext):
    body = struct.pack(">I", len(plaintext)) + plaintext
    return body + bytes(-len(body) % 64)


def unpad(body):
    (length,) = struct.unpack(">I", body[:4])
    plaintext = body[4 : 4 + length]
    if pad(plaintext) != body:
        raise ValueError("padded otherwise")
    return plaintext


def base62(number, width):
    return "".join(DIGITS[number // 62**place % 62] for place in reversed(range(width)))


def unhex(text):
    return None if text is None else bytes.fromhex(text)


class Vault:
    def __init__(self, file):
        self.install = unhex(file["install"])
        self.by_purpose, self.deks = {}, {}
        rows = sorted(file["keyring"], key=lambda row: row["purpose"] != "imk")
        wrap = {ROOT_ID: unhex(file["root"])}
        for row in rows:
            wrapped, total = unhex(row["wrapped"])[:-8], unhex(row["wrapped"])[-8:]
            layer = 1 if row["purpose"] == "imk" else 2
            assert wrapped[:6] == b"MRKW\x01" + bytes([layer]), "lead of a wrapped key"
            assert hashlib.sha256(wrapped).digest()[:8] == total, "sum of a wrapped key"
            key = decrypt(wrap[wrapped[6:22]], self.place(row), wrapped)
            if layer == 1:
                self.imk = key
                wrap[unhex(row["id"])] = hkdf(key, self.install, b"wrap|v1", 32)
            elif row["purpose"].startswith("enc/"):
                self.deks[unhex(row["tenant"]), unhex(row["id"])] = key
            else:
                self.by_purpose[row["purpose"]] = key

    def place(self, row):
        tenant, key_id = unhex(row["tenant"]), unhex(row["id"])
        return binding(self.install, tenant, "keyring", key_id, row["purpose"], row["version"])

    def bound(self, vector):
        names = (vector["table"], unhex(vector["row"]), vector["column"])
        return binding(self.install, unhex(vector["tenant"]), *names, vector["generation"])

    def open(self, vector):
        blob = unhex(vector["blob"])
        if blob[:6] != b"MRK1\x01" + bytes([vector["kind"]]) or len(blob) % 64 != 34:
            raise ValueError("not a ciphertext of this kind")
        key = self.deks[unhex(vector["tenant"]), blob[6:22]]
        return unpad(decrypt(key, self.bound(vector), blob))

    def mac(self, purpose, data):
        return hmac.digest(self.by_purpose[purpose], data, "sha256")

    def key_mac(self, kid, secret):
        return self.mac("mac/api-key", lp(b"apikey/v1", kid.encode(), secret.encode()))

    def password(self, password, salt, memory, passes):
        return Argon2id(
            salt=salt,
            length=32,
            iterations=passes,
            lanes=1,
            memory_cost=memory,
            secret=self.by_purpose["argon2/secret"],
        ).derive(password.encode())


# Reading.


def check(path):
    file = json.loads(path.read_text())
    vault = Vault(file)
    assert len(file["sealed"]) == 20, "20 vectors"
    for at, vector in enumerate(file["sealed"]):
        assert vault.open(vector) == unhex(vector["plaintext"]), f"plaintext of vector {at}"
        refuses(vault, vector, at)
    for key in file["keys"]:
        kid, secret, crc = TOKEN.fullmatch(key["token"]).groups()
        checked = key["token"][:63].encode()
        assert crc == base62(zlib.crc32(checked), 6), "crc"
        assert vault.key_mac(kid, secret) == unhex(key["mac"]), "mac of a key"
    macs, data = file["macs"], unhex(file["macs"]["input"])
    for purpose in ("row", "audit", "session"):
        assert vault.mac(f"mac/{purpose}", data) == unhex(macs[purpose]), purpose
    assert vault.mac("mac/fingerprint", data).hex()[:8] == macs["fingerprint"], "fingerprint"
    check_password(vault, file["password"])
    check_passphrase(vault, file["passphrase"])
    print(f"{path.name}: {len(file['keyring'])} wrapped keys, {len(file['sealed'])} ciphertexts, "
          f"{len(file['keys'])} tokens, 4 MACs, a password and a passphrase fit")


def refuses(vault, vector, at):
    blob = bytearray(unhex(vector["blob"]))
    blob[(at * 37) % len(blob)] ^= 1
    for change in ({"blob": bytes(blob).hex()}, {"generation": 5}, {"column": "other"}):
        try:
            vault.open({**vector, **change})
        except (ValueError, KeyError, InvalidTag):
            continue
        raise AssertionError(f"vector {at} opens although {list(change)} changed")


def check_password(vault, stored):
    _, name, version, cost, salt, expected = stored["phc"].split("$")
    memory, passes, lanes = (int(part[2:]) for part in cost.split(","))
    assert (name, version, lanes) == ("argon2id", "v=19", 1), "form of a password's hash"
    salt, expected = (base64.b64decode(part + "=" * (-len(part) % 4)) for part in (salt, expected))
    assert vault.password(stored["password"], salt, memory, passes) == expected, "password"


def root_of(phrase, install):
    cost = {"iterations": 3, "lanes": 1, "memory_cost": 256 * 1024}
    return Argon2id(salt=install, length=32, **cost).derive(phrase.encode())


def check_passphrase(vault, stored):
    key = root_of(stored["phrase"], vault.install)
    assert decrypt(key, vault.place(stored["imk"]), unhex(stored["imk"]["wrapped"])[:-8]) == vault.imk


# Writing.


def write(path):
    tenants = [b"python-tenant-01", b"python-tenant-02", None]
    install, root = b"python-install-1", os.urandom(32)
    file = {
        "about": "Made by tests/vectors/check.py --write. Every secret is invented.",
        "root": root.hex(),
        "install": install.hex(),
        "keyring": [],
    }
    macs = ["api-key", "session", "audit", "row", "fingerprint"]
    owners = [("imk", None), ("argon2/secret", None), ("enc/system", None)]
    owners += [(f"mac/{name}", None) for name in macs]
    owners += [("enc/dek", tenant) for tenant in tenants[:2]]
    wrapper, wrapper_id = root, ROOT_ID
    for purpose, tenant in owners:
        key, key_id = os.urandom(32), os.urandom(16)
        row = {"id": key_id.hex(), "purpose": purpose, "version": 1, "tenant": tenant and tenant.hex()}
        file["keyring"].append(wrap_key(install, row, key, wrapper, wrapper_id))
        if purpose == "imk":
            phrase = "invented python passphrase"
            imk = wrap_key(install, row, key, root_of(phrase, install), ROOT_ID)
            file["passphrase"] = {"phrase": phrase, "imk": imk}
            wrapper, wrapper_id = hkdf(key, install, b"wrap|v1", 32), key_id
    vault = Vault(file)
    lengths = [0, 1, 20, 40, 59, 60, 61, 63, 64, 65, 100, 123, 124, 125, 150, 187, 188, 189, 200, 3000]
    file["sealed"] = [seal(vault, at, length, tenants[at % 3]) for at, length in enumerate(lengths)]
    file["keys"] = [mint(vault, head) for head in ("mrk_lu", "mrk_tp", "mrk_lm")]
    data = b"invented input from python"
    file["macs"] = {name: vault.mac(f"mac/{name}", data).hex() for name in macs[1:4]}
    file["macs"]["fingerprint"] = vault.mac("mac/fingerprint", data).hex()[:8]
    file["macs"]["input"] = data.hex()
    salt, password = os.urandom(16), "invented python passphrase \u2603"
    spelt = [base64.b64encode(part).decode().rstrip("=")
             for part in (salt, vault.password(password, salt, 19456, 2))]
    phc = "$argon2id$v=19$m=19456,t=2,p=1$" + "$".join(spelt)
    file["password"] = {"password": password, "phc": phc}
    path.write_text(json.dumps(file, indent=2) + "\n")


def wrap_key(install, row, key, wrapper, wrapper_id):
    lead = b"MRKW\x01" + bytes([1 if row["purpose"] == "imk" else 2]) + wrapper_id
    place = (unhex(row["tenant"]), "keyring", unhex(row["id"]), row["purpose"], row["version"])
    wrapped = encrypt(wrapper, lead, binding(install, *place), key)
    return {**row, "wrapped": (wrapped + hashlib.sha256(wrapped).digest()[:8]).hex()}


def seal(vault, at, length, tenant):
    vector = {
        "tenant": tenant and tenant.hex(),
        "table": ["credentials", "accounts", "r\u00e4ksm\u00f6rg\u00e5s"][at % 3],
        "row": (b"python-row " * 4)[: 2 * at].hex(),
        "column": ["sealed", ""][at % 2],
        "generation": [0, 1, 2**40, 2**63 - 1][at % 4],
        "kind": at % 7 + 1,
        "plaintext": (b"INVENTED-IN-PYTHON " * 200)[:length].hex(),
    }
    key_id, key = next((key_id, key) for (owner, key_id), key in vault.deks.items() if owner == tenant)
    lead = b"MRK1\x01" + bytes([vector["kind"]]) + key_id
    body = pad(unhex(vector["plaintext"]))
    return {**vector, "blob": encrypt(key, lead, vault.bound(vector), body).hex()}


def mint(vault, head):
    kid, secret = ("".join(secrets.choice(DIGITS) for _ in range(count)) for count in (12, 43))
    checked = f"{head}_{kid}_{secret}"
    token = f"{checked}_{base62(zlib.crc32(checked.encode()), 6)}"
    return {"token": token, "mac": vault.key_mac(kid, secret).hex()}


def main(arguments):
    here = pathlib.Path(__file__).parent
    match arguments:
        case ["--write", path]:
            write(pathlib.Path(path))
            check(pathlib.Path(path))
        case []:
            check(here / "vault-v1.json")
            check(here / "from-python.json")
        case paths:
            for path in paths:
                check(pathlib.Path(path))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (AssertionError, ValueError, KeyError, InvalidTag, OSError) as error:
        sys.exit(f"does not fit: {type(error).__name__}: {error}")
