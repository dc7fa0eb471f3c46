-- Credentials that are not keys: OAuth tokens, and references to those of other programs.

ALTER TABLE credential ADD COLUMN kind TEXT NOT NULL DEFAULT 'key';

ALTER TABLE credential ADD COLUMN needs_login {{int}} NOT NULL DEFAULT 0;

ALTER TABLE credential ADD COLUMN expires_day {{int}};
