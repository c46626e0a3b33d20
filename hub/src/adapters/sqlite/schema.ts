// The tables, and how an older database becomes a newer one. SQL only.

/** Steps from an empty database to the current one; `user_version` says how many were taken. Steps are added, never edited. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE access_token (
    id TEXT PRIMARY KEY, role TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, note TEXT NOT NULL, created_at_ms REAL NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE trust_root (
    version INTEGER PRIMARY KEY, frame BLOB NOT NULL, fingerprint TEXT NOT NULL, accepted_at_ms REAL NOT NULL
  );

  CREATE TABLE delegation (
    digest TEXT PRIMARY KEY, line TEXT NOT NULL, frame BLOB NOT NULL, stored_at_ms REAL NOT NULL
  );

  CREATE TABLE enrolment_token (
    id TEXT PRIMARY KEY, secret_hash TEXT NOT NULL UNIQUE, cohort TEXT NOT NULL, uses_max INTEGER NOT NULL,
    uses_count INTEGER NOT NULL CHECK (uses_count <= uses_max), expires_at_ms REAL NOT NULL, note TEXT NOT NULL,
    created_at_ms REAL NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE device (
    device TEXT PRIMARY KEY, key_id TEXT NOT NULL UNIQUE, public_key BLOB NOT NULL, line TEXT NOT NULL, cohort TEXT NOT NULL,
    status TEXT NOT NULL, token TEXT NOT NULL, credential_hash TEXT NOT NULL, assignment_sequence INTEGER NOT NULL,
    assignment BLOB NOT NULL, enrolled_at_ms REAL NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE line (
    line TEXT PRIMARY KEY, state TEXT NOT NULL, policy TEXT NOT NULL, validation_set TEXT
  ) WITHOUT ROWID;

  CREATE TABLE version (
    version TEXT PRIMARY KEY, line TEXT NOT NULL, created_at_ms REAL NOT NULL, body TEXT NOT NULL
  );

  CREATE TABLE decision (
    line TEXT NOT NULL, decision_sequence INTEGER NOT NULL, cohort TEXT NOT NULL, action TEXT NOT NULL, frame BLOB NOT NULL,
    at_ms REAL NOT NULL, PRIMARY KEY (line, decision_sequence)
  );
  CREATE INDEX decision_cohort ON decision (line, cohort, decision_sequence);

  CREATE TABLE signing_request (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, created_at_ms REAL NOT NULL, payload BLOB NOT NULL, body TEXT NOT NULL
  );

  -- One row for each delta that was ever receipted as committed: the unique keys are the promise that none counts twice.
  CREATE TABLE contribution (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, device TEXT NOT NULL, contribution_sequence INTEGER NOT NULL,
    line TEXT NOT NULL, base TEXT NOT NULL, weight INTEGER NOT NULL, norm REAL NOT NULL, examples INTEGER NOT NULL,
    steps INTEGER NOT NULL, n INTEGER NOT NULL, wins INTEGER NOT NULL, losses INTEGER NOT NULL, frame BLOB NOT NULL,
    at_ms REAL NOT NULL, status TEXT NOT NULL DEFAULT 'pending', window INTEGER,
    UNIQUE (device, contribution_sequence)
  );
  CREATE INDEX contribution_window ON contribution (line, window, digest);
  CREATE INDEX contribution_pending ON contribution (line, base) WHERE status = 'pending';

  -- Answers to signed contributions that were refused, so that the same bytes get the same answer; the oldest are dropped.
  CREATE TABLE refused (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, device TEXT NOT NULL, contribution_sequence INTEGER NOT NULL,
    code TEXT NOT NULL, message TEXT NOT NULL
  );

  CREATE TABLE refusal_count (
    device TEXT NOT NULL, code TEXT NOT NULL, count INTEGER NOT NULL, first_at_ms REAL NOT NULL, last_at_ms REAL NOT NULL,
    last_message TEXT NOT NULL, PRIMARY KEY (device, code)
  ) WITHOUT ROWID;

  CREATE TABLE device_receipt (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, device TEXT NOT NULL, line TEXT NOT NULL,
    decision_sequence INTEGER NOT NULL, outcome TEXT NOT NULL, active TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,
    at_ms REAL NOT NULL, stored_at_ms REAL NOT NULL
  );
  CREATE INDEX device_receipt_line ON device_receipt (line, decision_sequence);
  CREATE INDEX device_receipt_device ON device_receipt (device);

  CREATE TABLE report (
    device TEXT PRIMARY KEY, report_sequence INTEGER NOT NULL, body TEXT NOT NULL, received_at_ms REAL NOT NULL
  );

  CREATE TABLE pair (
    champion TEXT NOT NULL, challenger TEXT NOT NULL, device TEXT NOT NULL, report_sequence INTEGER NOT NULL,
    n INTEGER NOT NULL, wins INTEGER NOT NULL, losses INTEGER NOT NULL, PRIMARY KEY (champion, challenger, device)
  ) WITHOUT ROWID;

  -- Receipts that were committed with what they are for, and have not been handed to the broker yet.
  CREATE TABLE receipt_outbox (
    digest TEXT NOT NULL, device TEXT NOT NULL, outcome TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,
    PRIMARY KEY (digest, device)
  ) WITHOUT ROWID;

  CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY, at_ms REAL NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, line TEXT,
    subject TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL
  );
  CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
  CREATE TRIGGER audit_never_shrinks BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
  `,
  `
  -- Which trust root a token names: the one that counted when it was made.
  ALTER TABLE enrolment_token ADD COLUMN root_version INTEGER NOT NULL DEFAULT 1;
  UPDATE enrolment_token SET root_version =
    coalesce((SELECT max(version) FROM trust_root WHERE accepted_at_ms <= enrolment_token.created_at_ms), 1);
  -- Nonces of a device's enrolments, the latest last.
  ALTER TABLE device ADD COLUMN nonces TEXT NOT NULL DEFAULT '[]';
  `,
  `
  -- What devices said of drift, whenever it was something else than before; a bounded number of each.
  CREATE TABLE drift (
    device TEXT NOT NULL, report_sequence INTEGER NOT NULL, received_at_ms REAL NOT NULL, says TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (device, report_sequence)
  ) WITHOUT ROWID;
  `,
];
