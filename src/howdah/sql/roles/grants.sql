-- What each role may do. Each table and each function of the schema is named here or in
-- docs/roles.md as nobody's; a test compares both with the catalogue. Taken back first, so that
-- what a later version needs no more goes.

REVOKE ALL ON ALL TABLES IN SCHEMA __schema_name__ FROM __producer__, __worker__, __viewer__, __operator__;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA __schema_name__ FROM __producer__, __worker__, __viewer__, __operator__;
GRANT USAGE ON SCHEMA __schema_name__ TO __producer__, __worker__, __viewer__, __operator__;

-- What is read. A result is read through the view, which has its owner's rights.
GRANT SELECT ON howdah.jobs, howdah.version TO __producer__, __worker__, __viewer__, __operator__;
GRANT SELECT ON howdah.job, howdah.archive, howdah.begun, howdah.blocked_key, howdah.dependency, howdah.hand_hint, howdah.lane, howdah.line, howdah.line_head, howdah.log, howdah.pause, howdah.queue, howdah.quota, howdah.quota_queue, howdah.sample, howdah.schedule, howdah.slot, howdah.throttle, howdah.tick, howdah.warning, howdah.worker TO __worker__, __viewer__, __operator__;
GRANT SELECT ON howdah.archive_default, howdah.log_default, howdah.sample_default TO __viewer__, __operator__, __worker__;

-- What a send of many writes; a single one is a function.
GRANT INSERT (id, queue, task, priority, args, tags, retry, expire_in, retention, start_after, ready_xid, deadline, line, limits, dead_letter), SELECT (ready_xid, line) ON howdah.job TO __producer__;

-- What workers and operators write. To cancel, retry, delete and change jobs is an operator's.
GRANT INSERT, UPDATE, DELETE ON howdah.job, howdah.archive, howdah.blocked_key, howdah.dependency, howdah.slot, howdah.queue, howdah.quota, howdah.schedule, howdah.tick, howdah.pause, howdah.throttle, howdah.worker, howdah.warning TO __worker__, __operator__;
GRANT DELETE ON howdah.log TO __operator__;
GRANT INSERT, DELETE ON howdah.log TO __worker__;
GRANT USAGE ON SEQUENCE howdah.taking TO __worker__, __operator__;
GRANT INSERT, UPDATE, DELETE ON howdah.begun, howdah.hand_hint, howdah.lane, howdah.line, howdah.line_head, howdah.quota_queue TO __worker__;
GRANT INSERT ON howdah.sample TO __worker__;

-- To send.
GRANT EXECUTE ON FUNCTION howdah.send, howdah.send_receipt, howdah.send_plain, howdah.send_flow, howdah.must_ask, howdah.line_of, howdah.line_up, howdah.turn, howdah.wake, howdah.ready_jobs TO __producer__, __worker__, __operator__;

-- To read.
GRANT EXECUTE ON FUNCTION howdah.now, howdah.queue_names TO __producer__, __worker__, __viewer__, __operator__;
GRANT EXECUTE ON FUNCTION howdah.count_fitting, howdah.days_fitting, howdah.explain, howdah.explain_limits, howdah.explain_other, howdah.explain_parents, howdah.explain_policy, howdah.explain_queue, howdah.explain_turn, howdah.explain_workers, howdah.busy_workers, howdah.live_workers, howdah.held_by_workers, howdah.holders_of, howdah.find, howdah.find_ids, howdah.find_letters, howdah.fitting, howdah.letters_fitting, howdah.search, howdah.words, howdah.keep_until, howdah.key_of, howdah.limits_in_the_way, howdah.why, howdah.quota_of, howdah.tier_of, howdah.group_of, howdah.channel, howdah.listen TO __worker__, __viewer__, __operator__;

-- To act on jobs, queues and schedules.
GRANT EXECUTE ON FUNCTION howdah.assembled, howdah.bury, howdah.cancel, howdah.cancel_children, howdah.change, howdah.check_changes, howdah.check_options, howdah.check_queue, howdah.check_window, howdah.deadline_of, howdah.delete, howdah.delete_each, howdah.delete_queue, howdah.ending, howdah.filled, howdah.finish, howdah.follow, howdah.free, howdah.hold_head, howdah.hold_jobs, howdah.hold_parents, howdah.idle_lock, howdah.in_the_way, howdah.is_live, howdah.is_quota, howdah.is_span, howdah.join_parents, howdah.lift_jobs, howdah.lock_pauses, howdah.must_wait, howdah.nearest, howdah.pause_everything, howdah.pause_queue, howdah.put_queue, howdah.redrive, howdah.refuse, howdah.refuse_awaited, howdah.refuse_unknown_queue, howdah.register_queues, howdah.rejoin, howdah.resume, howdah.resume_everything, howdah.resume_queue, howdah.retry, howdah.run_schedule, howdah.unblock_key, howdah.update_job, howdah.update_jobs, howdah.uuid7, howdah.wake_queue, howdah.wake_queues, howdah.wake_quotas, howdah.with_defaults, howdah.with_error, howdah.without TO __worker__, __operator__;

-- To work.
GRANT EXECUTE ON FUNCTION howdah.aged, howdah.claim, howdah.any_line, howdah.claim_groups, howdah.claim_jobs, howdah.claim_line, howdah.complete, howdah.complete_job, howdah.fail_job, howdah.next_delay, howdah.progress_job, howdah.release_job, howdah.say_lost, howdah.settle, howdah.snooze_job, howdah.tend, howdah.told, howdah.touch_job, howdah.delete_strays, howdah.drop_partitions, howdah.expire, howdah.expire_late, howdah.asks_nothing, howdah.fire, howdah.fire_each, howdah.forget_heads, howdah.forget_hints, howdah.forget_idle, howdah.forget_lines, howdah.free_keys, howdah.keep_hints, howdah.latencies, howdah.make_partitions, howdah.move_heads, howdah.move_lines, howdah.next_lines, howdah.promote, howdah.put_back, howdah.release, howdah.renew_lines, howdah.rest_lines, howdah.is_claimable, howdah.sweep, howdah.sweep_orphans, howdah.take_sample, howdah.warn TO __worker__;
