//! The defects of the program that this one replaces, each with a test that finds it again.
//!
//! | defect | test | shown elsewhere too |
//! |---|---|---|
//! | closures that captured the loop variable: three copies sent to one target, none to another | `closures_keep_their_own_target` (operations.rs) | |
//! | `false` taken for success | `a_refusal_is_not_taken_for_success` (operations.rs) | failures.rs |
//! | whole batches retried after a partial success | `a_batch_is_not_retried_after_a_partial_success` (operations.rs) | `an_export_goes_on_where_a_lost_answer_stopped_it` (failures.rs) |
//! | exceptions turned into values, so that retry never fired | `a_failure_that_may_pass_is_tried_again` (operations.rs) | |
//! | errors classified by substring: a flood of 3600 s retried after 1 s | `a_flood_of_3600_s_is_waited_for_and_not_retried_after_1_s`, `words_in_the_name_of_an_error_do_not_sort_it` (operations.rs) | `an_error_with_the_code_of_a_flood_but_no_time_is_a_refusal` (failures.rs) |
//! | level 1 taken under level 2 and level 3 | `no_operation_waits_for_level_1` (locks.rs) | `an_inversion_planted_in_the_manager_is_reported_with_both_locks_and_both_places` (contention.rs), hierarchy.rs |
//! | the queue processor holding the operation lock while polling an empty queue | `the_queue_holds_no_lock_while_it_is_empty` (queue.rs) | |
//! | expiry noticed only at dequeue | `expiry_is_noticed_by_a_timer_and_not_at_dequeue` (queue.rs) | `what_waits_too_long_expires_by_itself` (operations.rs) |
//! | strict priority starving sends | `sends_do_not_starve` (queue.rs) | `an_endless_export_lets_a_send_go_first` (limits.rs) |
//! | a cancelled caller's operation still executed | `a_cancelled_callers_operation_is_not_executed` (queue.rs) | `a_cancelled_operation_that_waits_is_never_started` (operations.rs) |
//! | queued callers never answered on disconnect | `queued_callers_are_answered_when_the_manager_is_dropped` (queue.rs) | `every_submission_gets_exactly_one_outcome_also_when_the_session_stops` (operations.rs) |
//! | unregistered tasks surviving shutdown and driving counters negative | `tasks_of_a_shutdown_are_gone_after_it_and_no_counter_is_negative` (life.rs) | `every_task_is_listed_and_gone_after_the_shutdown` (requirements) |
//! | budgets that were not hard | `budgets_are_hard` (life.rs) | `a_session_stops_at_once_while_its_line_is_made_again` (health.rs) |
//! | waiting for tasks while holding the global lock | `nobody_waits_for_tasks_under_a_global_lock` (locks.rs) | |
//! | five network calls past the operation lock | `no_call_goes_past_the_operation_lock` (locks.rs) | |
//! | quotas and cooldowns checked, then acted on: 14 of 10 chats, 10 reactions in one window | `a_quota_is_reserved_and_not_only_looked_at`, `a_pace_lets_one_through_in_each_window` (limits.rs) | `a_day_allows_ten_chats_and_not_fourteen_and_a_restart_does_not_change_that` (limits.rs of tests) |
//! | quota lost at restart | `a_quota_outlives_the_process` (limits.rs) | the same |
//! | slots held during backoff | `a_slot_is_not_held_during_backoff` (locks.rs) | `what_comes_too_fast_waits_for_its_pace_and_keeps_no_permit_meanwhile` (limits.rs of tests) |
//! | monitoring "started" without a connection | `monitoring_does_not_start_without_a_connection` (life.rs) | |
//! | double start counted twice | `a_double_start_is_counted_once` (life.rs) | |
//! | cancellation leaking load | `a_cancellation_leaks_no_load` (queue.rs) | chaos |
//! | four concurrent picks of one session | `concurrent_picks_choose_different_sessions` (queue.rs) | `balancing_goes_round_or_to_the_least_loaded` (operations.rs of tests) |
//! | `locked()` used as ownership | `a_lock_that_somebody_else_has_is_not_taken_for_ones_own` (locks.rs) | contention.rs |
//! | duplicate names leaking a client | `a_duplicate_leaks_no_client` (life.rs) | `names_are_checked_and_taken_once` (store.rs) |
//! | corrupt database reported as "no accounts" | `a_corrupt_database_is_not_an_empty_one` (files.rs) | `a_store_of_a_newer_version_is_left_alone`, `nobody_changes_or_moves_what_it_has_without_being_noticed` (store.rs) |
//! | partial files left by a crash | `a_file_is_whole_or_not_there` (files.rs) | |
//! | cells starting with `=` written raw into CSV | `a_cell_that_starts_like_a_formula_is_none` (files.rs) | the test of that name in `tgsession` |
//! | message windows read in the wrong direction | `messages_are_read_from_the_oldest_on` (files.rs) | `exports_bring_every_row_once_and_in_order` (operations.rs of tests) |
//!
//! Time is paused: pauses of seconds and minutes pass at once.

mod files;
mod life;
mod limits;
mod locks;
mod operations;
mod queue;
