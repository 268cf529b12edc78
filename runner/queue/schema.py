"""The tables of the queue's file, as the steps that lead to them; a file says how many of the steps it has seen."""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x55435651
"""Stands in the file's header: what tells a queue from any other SQLite file."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        "CREATE TABLE queue (store TEXT NOT NULL, n_changes INTEGER NOT NULL)",
        """CREATE TABLE jobs (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            job_id TEXT NOT NULL UNIQUE,
            key TEXT NOT NULL UNIQUE,
            work TEXT NOT NULL,
            person TEXT NOT NULL,
            submitted_at REAL NOT NULL,
            signature TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'finished', 'failed', 'stopped')),
            reason TEXT,
            place INTEGER NOT NULL
        )""",
        "CREATE INDEX jobs_by_state ON jobs (state)",  # and by number in each state, as all indices are
        "CREATE INDEX line ON jobs (place) WHERE state = 'queued'",
        """CREATE TABLE attempts (
            job_id TEXT NOT NULL REFERENCES jobs (job_id),
            number INTEGER NOT NULL,
            worker_id TEXT NOT NULL,
            host TEXT NOT NULL,
            boot_id TEXT NOT NULL,
            pid INTEGER NOT NULL,
            started_ticks INTEGER NOT NULL,
            started_at REAL NOT NULL,
            ended_at REAL,
            outcome TEXT NOT NULL CHECK (outcome IN ('running', 'finished', 'failed', 'stopped', 'lost')),
            reason TEXT,
            exit_code INTEGER,
            peak_memory_bytes INTEGER,
            is_silent INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (job_id, number),
            CHECK ((outcome = 'running') = (ended_at IS NULL))
        ) WITHOUT ROWID""",
        # What is promised is also what the file itself refuses to hold otherwise.
        "CREATE UNIQUE INDEX one_attempt_at_a_time ON attempts (job_id) WHERE outcome = 'running'",
        "CREATE UNIQUE INDEX one_job_a_worker ON attempts (worker_id) WHERE outcome = 'running'",
        """CREATE TABLE requests (
            request_id INTEGER PRIMARY KEY AUTOINCREMENT,
            job_id TEXT NOT NULL REFERENCES jobs (job_id),
            kind TEXT NOT NULL CHECK (kind IN ('stop', 'stop_run')),
            run_id TEXT,
            person TEXT NOT NULL,
            asked_at REAL NOT NULL,
            signature TEXT NOT NULL,
            outcome TEXT
        )""",
        "CREATE INDEX open_requests ON requests (job_id) WHERE outcome IS NULL",
        """CREATE TABLE workers (
            worker_id TEXT PRIMARY KEY,
            host TEXT NOT NULL,
            boot_id TEXT NOT NULL,
            pid INTEGER NOT NULL,
            started_ticks INTEGER NOT NULL,
            device TEXT,
            started_at REAL NOT NULL,
            beat REAL NOT NULL,
            is_silent INTEGER NOT NULL DEFAULT 0
        )""",
        """CREATE TABLE audit (
            entry_id INTEGER PRIMARY KEY AUTOINCREMENT,
            at REAL NOT NULL,
            user_id TEXT NOT NULL,
            name TEXT NOT NULL,
            via TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            outcome TEXT NOT NULL,
            detail TEXT
        )""",
        """CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
            BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
        """CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
            BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
        # REPLACE removes a line without the trigger before. Where no number is given, it is still -1 here.
        """CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
            WHEN NEW.entry_id <> -1 AND NEW.entry_id <= (SELECT max(entry_id) FROM audit)
            BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    ),
)
"""Never change a step that was released: add one."""
