CREATE TABLE install (
    one             {{int}} PRIMARY KEY CHECK (one = 1),
    id              {{bytes}} NOT NULL,
    created_at      {{int}} NOT NULL
) {{table}};

CREATE TABLE keyring_meta (
    one             {{int}} PRIMARY KEY CHECK (one = 1),
    root_source     TEXT NOT NULL,
    changed_at      {{int}} NOT NULL
) {{table}};

CREATE TABLE tenant (
    id              {{bytes}} PRIMARY KEY,
    name            TEXT NOT NULL,
    created_at      {{int}} NOT NULL
) {{table}};

CREATE TABLE keyring (
    id              {{bytes}} PRIMARY KEY,
    purpose         TEXT NOT NULL,
    version         {{int}} NOT NULL,
    tenant          {{bytes}} REFERENCES tenant (id),
    wrapped         {{bytes}} NOT NULL,
    created_at      {{int}} NOT NULL
) {{table}};

CREATE UNIQUE INDEX keyring_purpose ON keyring (purpose, version) WHERE tenant IS NULL;
CREATE UNIQUE INDEX keyring_tenant ON keyring (tenant, purpose, version) WHERE tenant IS NOT NULL;

CREATE TABLE api_key (
    kid             TEXT PRIMARY KEY,
    tenant          {{bytes}} NOT NULL REFERENCES tenant (id),
    label           TEXT NOT NULL,
    kind            TEXT NOT NULL,
    key_mac         {{bytes}} NOT NULL UNIQUE,
    pepper_version  {{int}} NOT NULL,
    scopes          TEXT NOT NULL,
    models          TEXT NOT NULL,
    rpm             {{int}},
    tpm             {{int}},
    concurrency     {{int}},
    lifetime_calls  {{int}},
    daily_calls     {{int}},
    not_before      {{int}},
    expires_at      {{int}},
    revoked_at      {{int}},
    created_at      {{int}} NOT NULL,
    version         {{int}} NOT NULL,
    row_mac         {{bytes}} NOT NULL
) {{table}};

CREATE INDEX api_key_tenant ON api_key (tenant, created_at);

CREATE TABLE provider (
    id              {{bytes}} PRIMARY KEY,
    tenant          {{bytes}} NOT NULL REFERENCES tenant (id),
    name            TEXT NOT NULL,
    kind            TEXT NOT NULL,
    base_url        TEXT NOT NULL,
    models          TEXT NOT NULL,
    enabled         {{int}} NOT NULL,
    created_at      {{int}} NOT NULL,
    version         {{int}} NOT NULL,
    row_mac         {{bytes}} NOT NULL,
    UNIQUE (tenant, name),
    UNIQUE (tenant, id)
) {{table}};

CREATE TABLE credential (
    id              {{bytes}} PRIMARY KEY,
    tenant          {{bytes}} NOT NULL REFERENCES tenant (id),
    provider        {{bytes}} NOT NULL,
    label           TEXT NOT NULL,
    origin          TEXT NOT NULL,
    sealed          {{bytes}} NOT NULL,
    fingerprint     TEXT NOT NULL,
    generation      {{int}} NOT NULL,
    enabled         {{int}} NOT NULL,
    created_at      {{int}} NOT NULL,
    row_mac         {{bytes}} NOT NULL,
    UNIQUE (tenant, provider, label),
    FOREIGN KEY (tenant, provider) REFERENCES provider (tenant, id)
) {{table}};

CREATE TABLE route (
    id              {{bytes}} PRIMARY KEY,
    tenant          {{bytes}} NOT NULL REFERENCES tenant (id),
    alias           TEXT NOT NULL,
    targets         TEXT NOT NULL,
    created_at      {{int}} NOT NULL,
    row_mac         {{bytes}} NOT NULL,
    UNIQUE (tenant, alias)
) {{table}};

CREATE TABLE account (
    id              {{bytes}} PRIMARY KEY,
    tenant          {{bytes}} NOT NULL REFERENCES tenant (id),
    handle          TEXT NOT NULL UNIQUE,
    pwhash          TEXT NOT NULL,
    pepper_version  {{int}} NOT NULL,
    epoch           {{int}} NOT NULL,
    created_at      {{int}} NOT NULL
) {{table}};

CREATE TABLE setup_token (
    mac             {{bytes}} PRIMARY KEY,
    created_at      {{int}} NOT NULL
) {{table}};

CREATE TABLE audit (
    seq             {{int}} PRIMARY KEY,
    at              {{int}} NOT NULL,
    actor           TEXT NOT NULL,
    action          TEXT NOT NULL,
    object          TEXT NOT NULL,
    result          TEXT NOT NULL,
    details         TEXT NOT NULL,
    prev_hash       {{bytes}} NOT NULL,
    hash            {{bytes}} NOT NULL
) {{table}};

CREATE TABLE audit_anchor (
    seq             {{int}} PRIMARY KEY,
    head            {{bytes}} NOT NULL,
    at              {{int}} NOT NULL
) {{table}};

-- Clustered by the request id, which begins with the time of arrival: one tree to append to, and
-- a range of time is a range of ids.
CREATE TABLE ledger (
    request         {{bytes}} PRIMARY KEY,
    at              {{int}} NOT NULL,
    tenant          {{bytes}} NOT NULL,
    kid             TEXT NOT NULL,
    provider        TEXT NOT NULL,
    model           TEXT NOT NULL,
    status          {{int}} NOT NULL,
    outcome         TEXT NOT NULL,
    input           {{int}} NOT NULL,
    cached          {{int}} NOT NULL,
    cache_write     {{int}} NOT NULL,
    output          {{int}} NOT NULL,
    reasoning       {{int}} NOT NULL,
    counted         TEXT NOT NULL,
    cost            {{int}},
    first_byte_us   {{int}},
    total_us        {{int}} NOT NULL
) {{clustered}};

CREATE TABLE counter (
    kid             TEXT NOT NULL REFERENCES api_key (kid),
    span            TEXT NOT NULL,
    period_start    {{int}} NOT NULL,
    used            {{int}} NOT NULL CHECK (used >= 0),
    PRIMARY KEY (kid, span, period_start)
) {{clustered}};

CREATE TABLE setting (
    name            TEXT PRIMARY KEY,
    value           TEXT NOT NULL
) {{table}};
