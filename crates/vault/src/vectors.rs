//! The byte formats against fixed vectors: this room made one file, Python's `cryptography` the
//! other, and both must still open.
//!
//! `MIRK_WRITE_VECTORS=path` writes the first file anew; `MIRK_PY_VECTORS=path` reads the second
//! from elsewhere. `tests/vectors/check.py` is the other half. All secrets here are invented.

use data_encoding::HEXLOWER;
use mirk_model::{
    DekId, Entropy, InstallId, KeyKind, KeyringRow, Kid, Mac, MacPurpose, TenantId, Timestamp,
};
use serde_json::{Value, json};

use crate::testing::Fixed;
use crate::{
    Cost, PasswordHash, Place, Realm, SealKind, Vault, mint_in, parse, root_from_bytes,
    root_from_passphrase,
};

const OURS: &str = include_str!("../../../tests/vectors/vault-v1.json");
const THEIRS: &str = include_str!("../../../tests/vectors/from-python.json");

const INSTALL: InstallId = InstallId::from_bytes(*b"invented-install");
const TENANTS: [TenantId; 2] = [
    TenantId::from_bytes(*b"invented-tenant1"),
    TenantId::from_bytes(*b"invented-tenant2"),
];
const PASSWORD: &str = "invented moss kettle parade";
const LENGTHS: [usize; 20] = [
    0, 1, 20, 32, 39, 59, 60, 61, 64, 100, 123, 124, 125, 128, 164, 188, 189, 200, 251, 1_000,
];
const KINDS: [SealKind; 7] = [
    SealKind::ProviderKey,
    SealKind::AccessToken,
    SealKind::RefreshToken,
    SealKind::TotpSeed,
    SealKind::Email,
    SealKind::WebhookSecret,
    SealKind::CaKey,
];

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn unhex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn id(value: &Value) -> [u8; 16] {
    unhex(value).try_into().unwrap()
}

fn tenant(value: &Value) -> Option<TenantId> {
    (!value.is_null()).then(|| TenantId::from_bytes(id(value)))
}

fn keyring(rows: &[KeyringRow]) -> Value {
    let rows = rows.iter().map(|row| {
        json!({
            "id": hex(row.id.as_bytes()),
            "purpose": row.purpose,
            "version": row.version,
            "tenant": row.tenant.map(|tenant| hex(tenant.as_bytes())),
            "wrapped": hex(&row.wrapped),
        })
    });
    rows.collect()
}

fn row(row: &Value) -> KeyringRow {
    KeyringRow {
        id: DekId::from_bytes(id(&row["id"])),
        purpose: row["purpose"].as_str().unwrap().to_owned(),
        version: u32::try_from(row["version"].as_u64().unwrap()).unwrap(),
        tenant: tenant(&row["tenant"]),
        wrapped: unhex(&row["wrapped"]),
        created_at: Timestamp::default(),
    }
}

fn rows(file: &Value) -> Vec<KeyringRow> {
    file["keyring"]
        .as_array()
        .unwrap()
        .iter()
        .map(row)
        .collect()
}

fn open(file: &Value) -> Vault {
    let root = root_from_bytes(&unhex(&file["root"])).unwrap();
    let install = InstallId::from_bytes(id(&file["install"]));
    Vault::open(&root, install, &rows(file)).unwrap()
}

/// Opens every ciphertext of `file`; says how many there were.
fn open_all(file: &Value) -> usize {
    let vault = open(file);
    let sealed = file["sealed"].as_array().unwrap();
    for (at, vector) in sealed.iter().enumerate() {
        let row = unhex(&vector["row"]);
        let place = Place {
            tenant: tenant(&vector["tenant"]),
            table: vector["table"].as_str().unwrap(),
            row: &row,
            column: vector["column"].as_str().unwrap(),
            generation: vector["generation"].as_i64().unwrap(),
        };
        let number = vector["kind"].as_u64().unwrap();
        let kind = KINDS
            .into_iter()
            .find(|kind| u64::from(kind.number()) == number);
        let (kind, blob) = (kind.unwrap(), unhex(&vector["blob"]));
        let opened = vault.open_sealed(&place, kind, &blob);
        let opened = opened.unwrap_or_else(|_| panic!("vector {at} does not open"));
        assert_eq!(opened.expose(), &unhex(&vector["plaintext"]), "vector {at}");
    }
    sealed.len()
}

/// Proves every key and MAC of `file`.
fn prove_all(file: &Value) {
    let vault = open(file);
    for key in file["keys"].as_array().unwrap() {
        let token = parse(key["token"].as_str().unwrap().as_bytes()).unwrap();
        let mac = vault.key_mac(&token.kid, token.secret_part(), vault.pepper_version());
        assert_eq!(mac.unwrap()[..], unhex(&key["mac"]));
    }
    let macs = &file["macs"];
    let input = unhex(&macs["input"]);
    assert!(vault.row_mac_valid(&input, &unhex(&macs["row"]).try_into().unwrap()));
    assert_eq!(
        vault.mac(MacPurpose::Audit, &input)[..],
        unhex(&macs["audit"])
    );
    assert_eq!(vault.session_mac(&input)[..], unhex(&macs["session"]));
    assert_eq!(
        vault.fingerprint(&input),
        macs["fingerprint"].as_str().unwrap()
    );
    let stored = PasswordHash {
        phc: file["password"]["phc"].as_str().unwrap().to_owned(),
        pepper_version: 1,
    };
    let password = file["password"]["password"].as_str().unwrap();
    assert!(vault.verify_password(password, &stored));
    let mut rows = rows(file);
    rows.retain(|row| row.purpose != "imk");
    rows.push(row(&file["passphrase"]["imk"]));
    let phrase = file["passphrase"]["phrase"].as_str().unwrap();
    let root = root_from_passphrase(phrase, vault.install()).unwrap();
    let by_passphrase = Vault::open(&root, vault.install(), &rows).unwrap();
    assert_eq!(by_passphrase.session_mac(&input), vault.session_mac(&input));
}

/// The first file, from fixed chance.
fn make() -> Value {
    let entropy = Fixed::default();
    let mut root = [0; 32];
    entropy.fill(&mut root);
    let now = Timestamp::default();
    let root_key = root_from_bytes(&root).unwrap();
    let (mut vault, mut rows) =
        Vault::create(&root_key, &entropy, INSTALL, TENANTS[0], now).unwrap();
    rows.push(vault.add_tenant(TENANTS[1], &entropy, now).unwrap());
    let sealed: Vec<Value> = (0..LENGTHS.len())
        .map(|at| seal(&vault, at, &entropy))
        .collect();
    let keys = [KeyKind::User, KeyKind::Project, KeyKind::Mcp];
    let keys: Vec<Value> = keys
        .iter()
        .map(|kind| key(&vault, *kind, &entropy))
        .collect();
    let input = b"invented input of a mac";
    let root_of_phrase = root_from_passphrase(PASSWORD, INSTALL).unwrap();
    let imk = vault.rewrap_root(&root_of_phrase, &entropy).unwrap();
    let stored = vault
        .hash_password(PASSWORD, Cost::SMALL, &entropy)
        .unwrap();
    json!({
        "about": "Made by crates/vault/src/vectors.rs. Every secret is invented.",
        "root": hex(&root),
        "install": hex(INSTALL.as_bytes()),
        "keyring": keyring(&rows),
        "sealed": sealed,
        "keys": keys,
        "macs": {
            "input": hex(input),
            "row": hex(&vault.mac(MacPurpose::Row, input)),
            "audit": hex(&vault.mac(MacPurpose::Audit, input)),
            "session": hex(&vault.session_mac(input)),
            "fingerprint": vault.fingerprint(input),
        },
        "passphrase": { "phrase": PASSWORD, "imk": keyring(&[imk])[0] },
        "password": { "password": PASSWORD, "phc": stored.phc },
    })
}

fn seal(vault: &Vault, at: usize, entropy: &Fixed) -> Value {
    let owners = [Some(TENANTS[0]), Some(TENANTS[1]), None];
    let row = format!("invented-row-{at}");
    let place = Place {
        tenant: owners[at % 3],
        table: ["credentials", "accounts", ""][at % 3],
        row: &row.as_bytes()[..row.len() * (at % 2)],
        column: ["sealed", "refresh"][at % 2],
        generation: [0, 1, 7, i64::MAX][at % 4],
    };
    let text = b"INVENTED-NOT-A-SECRET ".iter().copied().cycle();
    let plaintext: Vec<u8> = text.take(LENGTHS[at]).collect();
    let kind = KINDS[at % KINDS.len()];
    let blob = vault.seal(&place, kind, &plaintext, entropy).unwrap();
    json!({
        "tenant": place.tenant.map(|tenant| hex(tenant.as_bytes())),
        "table": place.table,
        "row": hex(place.row),
        "column": place.column,
        "generation": place.generation,
        "kind": kind.number(),
        "plaintext": hex(&plaintext),
        "blob": hex(&blob),
    })
}

fn key(vault: &Vault, owner: KeyKind, entropy: &Fixed) -> Value {
    let (token, kid) = mint_in(Realm::Test, owner, entropy);
    let token = token.expose();
    let secret = &token.as_bytes()[20..63];
    let mac = vault.key_mac(&kid, secret, vault.pepper_version()).unwrap();
    assert_eq!(Kid::parse(&token.as_bytes()[7..19]), Some(kid));
    json!({ "token": token, "mac": hex(&mac) })
}

#[expect(clippy::disallowed_methods, reason = "a test's own switch")]
fn path_in(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

#[test]
fn our_vectors_are_made_again_byte_for_byte() {
    let made = make();
    if let Some(path) = path_in("MIRK_WRITE_VECTORS") {
        let text = serde_json::to_string_pretty(&made).unwrap();
        std::fs::write(path, text + "\n").unwrap();
        return;
    }
    let kept: Value = serde_json::from_str(OURS).unwrap();
    assert!(kept == made, "the formats have changed");
}

#[test]
fn our_vectors_open() {
    let file: Value = serde_json::from_str(OURS).unwrap();
    assert_eq!(open_all(&file), 20);
    prove_all(&file);
}

#[test]
fn vectors_from_python_open() {
    let text = path_in("MIRK_PY_VECTORS").map(|path| std::fs::read_to_string(path).unwrap());
    let file: Value = serde_json::from_str(text.as_deref().unwrap_or(THEIRS)).unwrap();
    assert_eq!(open_all(&file), 20);
    prove_all(&file);
}
