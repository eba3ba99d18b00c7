"""The guards in the SQL, and for each a promise that is broken without it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.integration.promises import claiming, ending, housekeeping, sending
from tests.integration.promises.stage import Promise


@dataclass(frozen=True, slots=True)
class Guard:
    """Some text of an SQL file without which a promise is broken.

    Attributes:
        file: Below `sql/`, without its ending.
        text: What guards.
        without: What stands there when the guard is removed.
        promise: What is broken then.
        error: How the breach shows, where another guard turns it into an error.
    """

    file: str
    text: str
    without: str
    promise: Promise
    error: str | None = None

    def __str__(self) -> str:
        return f"{self.file}: {' '.join(self.text.split())[:60]}"


FINISH = "functions/05_finish"
PUT_BACK = "functions/06_put_back"
SEND = "functions/03_send"
CLAIM = "functions/04_claim"
PROMOTE = "functions/09_promote"
SWEEP = "functions/10_sweep"
EXPIRE = "functions/11_expire"

GUARDS = [
    Guard(FINISH, "AND j.fence = o.fence", "", ending.a_stale_claim_cannot_finish_the_job),
    Guard(
        FINISH, "AND j.state = ANY (p_from)", "", ending.a_job_that_is_not_running_is_not_finished
    ),
    Guard(
        PUT_BACK,
        "AND j.fence = o.fence\n          AND j.state = 'active'",
        "AND j.state = 'active'",
        ending.a_stale_claim_cannot_give_the_job_back,
    ),
    Guard(
        PUT_BACK,
        "AND j.fence = o.fence\n          AND j.state = 'active'",
        "AND j.fence = o.fence",
        ending.a_job_that_is_not_running_is_not_given_back,
    ),
    Guard(
        PUT_BACK,
        "AND j.fence = o.fence\n        WHERE j.state = 'active'",
        "WHERE j.state = 'active'",
        ending.a_stale_claim_cannot_cancel_a_job_that_was_asked_to_stop,
    ),
    Guard(
        PUT_BACK,
        "h.cancel_requested_at IS NOT NULL AND",
        "",
        ending.a_job_that_nobody_asked_to_stop_is_given_back,
    ),
    Guard(
        PUT_BACK,
        "h.cancel_requested_at IS NOT NULL AND",
        "false AND",
        ending.a_job_asked_to_stop_is_cancelled_when_it_is_given_back,
    ),
    Guard(
        PUT_BACK,
        "FOR UPDATE OF j",
        "",
        ending.a_cancel_in_flight_is_seen_by_whoever_gives_the_job_back,
    ),
    Guard(
        PUT_BACK,
        "CASE WHEN o.state = 'retry' AND coalesce(o.delay, 0) <= 0",
        "CASE WHEN o.state = 'retry'",
        ending.a_job_given_back_for_later_is_not_claimed_now,
    ),
    Guard(
        PUT_BACK,
        "CASE WHEN o.spent THEN j.attempt ELSE j.attempt - 1 END",
        "j.attempt",
        ending.only_a_retry_spends_the_attempt,
    ),
    Guard(
        PUT_BACK,
        "CASE WHEN o.delay > 0 THEN howdah.now() + o.delay * interval '1 second' END",
        "howdah.now() + coalesce(o.delay, 0) * interval '1 second'",
        ending.a_delay_of_none_is_told_apart_from_one_of_zero,
    ),
    Guard(
        "job/progress",
        "AND j.fence = o.fence",
        "",
        ending.a_stale_claim_cannot_say_how_far_the_job_is,
    ),
    Guard(
        "job/progress",
        "AND j.state = 'active'",
        "",
        ending.a_job_that_is_not_running_makes_no_progress,
    ),
    Guard(
        "job/settled",
        "AND a.fence = o.fence",
        "",
        ending.a_stale_claim_is_not_told_that_its_outcome_is_kept,
    ),
    Guard(
        SEND,
        "ON CONFLICT DO NOTHING",
        "",
        sending.a_second_send_of_an_id_answers_with_the_first,
        error="duplicate key",
    ),
    Guard(
        SEND,
        "AND EXISTS (SELECT FROM howdah.archive AS a WHERE a.id = v_id)",
        "AND false",
        sending.a_second_send_of_an_id_after_the_job_has_run_stores_nothing,
    ),
    Guard(
        "migrations/0001_foundation",
        "CREATE UNIQUE INDEX job_key",
        "CREATE INDEX job_key",
        sending.one_live_job_of_a_task_holds_a_key,
    ),
    Guard(
        SEND,
        "CASE WHEN v_ready THEN pg_current_xact_id() END",
        "pg_current_xact_id()",
        sending.a_job_is_not_claimed_before_its_time,
    ),
    Guard(
        "job/send_many",
        "CASE WHEN coalesce(o.start_after <= howdah.now(), true) THEN pg_current_xact_id() END",
        "pg_current_xact_id()",
        sending.a_job_is_not_claimed_before_its_time,
    ),
    Guard(
        SEND,
        "coalesce(v_start <= howdah.now(), true)",
        "v_start <= howdah.now()",
        sending.a_job_without_a_delay_is_claimed_at_once,
    ),
    Guard(
        "job/send_many",
        "coalesce(o.start_after <= howdah.now(), true)",
        "o.start_after <= howdah.now()",
        sending.a_job_without_a_delay_is_claimed_at_once,
    ),
    Guard(
        SEND,
        "IF jsonb_typeof(p_args) IS DISTINCT FROM 'object' THEN",
        "IF false THEN",
        sending.arguments_that_are_no_object_are_refused,
    ),
    Guard(
        SEND,
        "PERFORM howdah.check_options(p_options);",
        "",
        sending.an_option_that_does_not_exist_is_refused,
    ),
    Guard(
        CLAIM,
        "IF NOT FOUND THEN",
        "IF false THEN",
        claiming.a_worker_that_is_not_known_claims_nothing,
    ),
    Guard(
        CLAIM,
        "ELSE\n        PERFORM FROM howdah.worker AS w WHERE w.id = p_worker;",
        "",
        claiming.an_idle_worker_that_is_not_known_is_told,
    ),
    Guard(CLAIM, "FOR KEY SHARE", "", claiming.a_worker_being_released_claims_nothing),
    Guard(
        CLAIM,
        "LIMIT greatest(v_left - (SELECT count(*) FROM from_late), 0)\n"
        "            FOR UPDATE SKIP LOCKED",
        "LIMIT greatest(v_left - (SELECT count(*) FROM from_late), 0)\n            FOR UPDATE",
        claiming.a_claim_passes_over_what_another_is_claiming,
    ),
    Guard(
        CLAIM,
        "LIMIT v_left\n                FOR UPDATE SKIP LOCKED) AS c",
        "LIMIT v_left\n                FOR UPDATE) AS c",
        claiming.a_claim_passes_over_a_late_job_that_another_is_claiming,
    ),
    Guard(
        CLAIM,
        "ARRAY(SELECT o.x FROM pg_snapshot_xip(p.s) AS o (x) WHERE o.x < p.x\n"
        "                         UNION SELECT l.x FROM late AS l)",
        "ARRAY(SELECT l.x FROM late AS l)",
        claiming.a_job_whose_sender_commits_late_is_found,
    ),
    Guard(
        CLAIM,
        "UNION SELECT l.x FROM late AS l",
        "",
        claiming.a_late_transaction_is_remembered_until_all_its_jobs_are_claimed,
    ),
    Guard(
        CLAIM,
        "ORDER BY j.ready_xid, j.id\n            LIMIT 1),",
        "ORDER BY j.ready_xid, j.id\n            LIMIT 1\n            FOR UPDATE SKIP LOCKED),",
        claiming.a_job_that_another_claimer_lets_go_of_is_found,
    ),
    Guard(
        CLAIM,
        "AND h.epoch = v_epoch",
        "",
        claiming.a_hint_of_another_run_of_the_server_is_not_used,
    ),
    Guard(CLAIM, "AND h.epoch = v_epoch", "AND false", claiming.a_hint_of_this_run_spares_the_walk),
    Guard(CLAIM, "fence      = j.fence + 1,", "", claiming.every_claim_raises_the_fence),
    Guard(
        CLAIM,
        "ORDER BY q.place, l.priority DESC",
        "ORDER BY q.place, l.priority",
        claiming.higher_priorities_come_first,
    ),
    Guard(
        CLAIM,
        "ORDER BY j.ready_xid, j.id\n            LIMIT greatest",
        "ORDER BY j.ready_xid DESC, j.id DESC\n            LIMIT greatest",
        claiming.the_oldest_comes_first,
    ),
    Guard(
        CLAIM,
        "v_left := v_left - (v_rows - 1);",
        "",
        claiming.no_more_is_claimed_than_was_asked_for,
    ),
    Guard(
        CLAIM,
        "WHERE n.queue = q.name",
        "",
        claiming.only_the_queues_asked_for_are_claimed_from,
    ),
    Guard(
        PROMOTE,
        "AND j.start_after <= howdah.now()",
        "",
        housekeeping.a_job_is_promoted_when_its_time_has_come,
    ),
    Guard(
        PROMOTE,
        "AND j.state <> 'active'\n              AND j.start_after >= ",
        "AND j.start_after >= ",
        housekeeping.a_promotion_leaves_running_jobs_alone,
        error="job_ready",
    ),
    Guard(
        PROMOTE,
        "FOR UPDATE SKIP LOCKED",
        "FOR UPDATE",
        housekeeping.two_promotions_do_not_wait_for_each_other,
    ),
    Guard(
        SWEEP,
        "WHERE greatest(w.beat_at, pg_postmaster_start_time()) + w.lease < howdah.now()",
        "",
        housekeeping.a_living_worker_is_not_swept,
    ),
    Guard(
        SWEEP,
        "greatest(w.beat_at, pg_postmaster_start_time())",
        "w.beat_at",
        housekeeping.a_start_of_the_server_counts_as_a_beat_of_all,
    ),
    Guard(
        SWEEP,
        "FOR UPDATE SKIP LOCKED",
        "",
        housekeeping.a_beat_in_flight_comes_before_the_sweep,
    ),
    Guard(
        SWEEP,
        "FOR UPDATE SKIP LOCKED",
        "FOR UPDATE",
        housekeeping.a_beat_in_flight_comes_before_the_sweep,
    ),
    Guard(
        SWEEP,
        "OR k.crash_count >= p_crash_limit AND",
        "OR false AND",
        housekeeping.a_job_whose_worker_dies_too_often_fails,
    ),
    Guard(
        SWEEP,
        "k.crash_count >= p_crash_limit AND",
        "",
        housekeeping.a_job_fails_only_at_the_limit_of_crashes,
    ),
    Guard(
        SWEEP,
        "k.crash_count >= p_crash_limit AND (p_running IS NULL OR k.id = ANY (p_running))",
        "k.crash_count >= p_crash_limit",
        housekeeping.a_job_that_was_merely_held_does_not_fail,
    ),
    Guard(
        SWEEP,
        "AND (p_running IS NULL OR j.id = ANY (p_running));\n    SELECT",
        ";\n    SELECT",
        housekeeping.a_job_that_was_merely_held_counts_no_crash,
    ),
    Guard(
        SWEEP,
        "attempt     = j.attempt - 1,",
        "",
        housekeeping.a_crash_spends_no_attempt,
    ),
    Guard(
        SWEEP,
        "j.crash_count > 1 AND (",
        "false AND (",
        housekeeping.a_job_that_crashed_twice_comes_back_after_a_pause,
    ),
    Guard(
        SWEEP,
        "k.cancel_requested_at IS NOT NULL\n              OR",
        "",
        housekeeping.a_job_asked_to_stop_is_cancelled_when_its_worker_dies,
    ),
    Guard(
        SWEEP,
        "ORDER BY j.id\n    FOR UPDATE;",
        ";",
        housekeeping.a_cancel_in_flight_is_seen_by_the_release_of_its_worker,
    ),
    Guard(
        SWEEP,
        "AND NOT EXISTS (SELECT FROM howdah.worker AS w WHERE w.id = j.worker_id)",
        "",
        housekeeping.only_jobs_of_unknown_workers_are_orphans,
    ),
    Guard(
        EXPIRE,
        "j.expire_at < howdah.now() - p_grace AND",
        "",
        housekeeping.an_attempt_is_ended_only_after_its_time,
    ),
    Guard(
        EXPIRE,
        "v_job.attempt <= v_job.retry_limit AND",
        "",
        housekeeping.a_job_expires_when_no_attempts_are_left,
    ),
    Guard(
        EXPIRE,
        "CASE WHEN v_job.cancel_requested_at IS NULL THEN 'expired' ELSE 'cancelled' END",
        "'expired'",
        housekeeping.a_job_asked_to_stop_is_cancelled_when_it_expires,
    ),
    Guard(
        EXPIRE,
        "FOR UPDATE SKIP LOCKED",
        "FOR UPDATE",
        housekeeping.two_who_end_attempts_do_not_wait_for_each_other,
    ),
]
